//! gin's access lines, of the older column widths and the newer ones.
//!
//! The date they carry is checked but not used: it has neither zone nor fraction.

use super::access::{self, Access};
use super::go;

pub(super) fn structure(text: &str, time_ns: i64, out: &mut String) -> Option<()> {
    let (access, rest) = access(text)?;
    let mut object = access.open(time_ns, out);
    let error = rest.trim();
    if !error.is_empty() {
        object.text("error", error);
    }
    object.close();
    Some(())
}

/// The access line at the start of `text`, and the handler's errors, which gin prints on lines of their own.
pub(super) fn access(text: &str) -> Option<(Access<'_>, &str)> {
    let rest = text.strip_prefix("[GIN] ")?;
    let rest = go::after_shape(rest, "0000/00/00 - 00:00:00 |")?;
    let (status, rest) = rest.split_once('|')?;
    let (latency, rest) = rest.split_once('|')?;
    let (ip, rest) = rest.split_once('|')?;
    let (method, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let (path, rest) = go::unquote(rest.trim_start_matches(' '))?;
    let whole = rest.is_empty() || rest.starts_with('\n');
    let access = Access {
        method: Some(method).filter(|method| access::is_method(method))?,
        path,
        status: access::status(status.trim_matches(' '))?,
        latency_ns: Some(go::duration(latency.trim_matches(' '))?),
        ip: Some(ip.trim_matches(' ')).filter(|ip| !ip.contains(['\n', '"']))?,
    };
    whole.then_some((access, rest))
}
