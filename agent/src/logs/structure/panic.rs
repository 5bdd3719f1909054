//! Panics: the runtime's last words, and those that gin's recovery caught.
//!
//! The message is the one line that says what happened; everything goes into `stack`. A recovered
//! panic is an `ERROR`, for the process goes on; one that nobody caught is `FATAL`.

use super::access;
use super::object::Object;

/// A panic or a fatal error that ends the process; the goroutine dump may be missing.
pub(super) fn structure(text: &str, time_ns: i64, out: &mut String) -> Option<()> {
    let first = text.lines().next()?;
    let message = if text.starts_with("runtime: ") {
        // The runtime explains before it names the error.
        text.lines().find(|line| line.starts_with("fatal error: "))?
    } else {
        Some(first).filter(|line| line.starts_with("panic: ") || line.starts_with("fatal error: "))?
    };
    let mut object = Object::open(out);
    object.time(time_ns);
    object.text("level", "FATAL");
    object.text("msg", message);
    if first.len() < text.len() {
        object.text("stack", text);
    }
    object.close();
    Some(())
}

/// gin's block: a heading, in debug mode the request's head and a blank line, the value, the frames.
pub(super) fn recovered(text: &str, block: &str, time_ns: i64, out: &mut String) {
    let body = block.split_once('\n').map_or("", |(_, body)| body);
    let request = request(body);
    let value = match request {
        Some(_) => body.split_once("\n\n").map_or("", |(_, after)| after),
        None => body,
    };
    let value = value.lines().find(|line| !line.trim().is_empty());

    let mut object = Object::open(out);
    object.time(time_ns);
    object.text("level", "ERROR");
    match value {
        Some(value) => object.texts("msg", &["panic recovered: ", value]),
        None => object.text("msg", "panic recovered"),
    }
    if let Some((method, path)) = request {
        object.text("method", method);
        object.text("path", path);
    }
    object.text("stack", text);
    object.close();
}

fn request(body: &str) -> Option<(&str, &str)> {
    let line = body.lines().find(|line| !line.is_empty())?;
    let (method, rest) = line.split_once(' ')?;
    let (path, version) = rest.rsplit_once(' ')?;
    (access::is_method(method) && version.starts_with("HTTP/")).then_some((method, path))
}
