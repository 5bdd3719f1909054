//! Writes the man pages and the shell completions of the command line into a directory, for the package.
//!
//! An example and not a command: whoever runs the daemon has no use for it, and the daemon stays smaller.
//! It knows what clap knows of the arguments, and nothing of packages.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

/// What is left of 80 columns beside man's margins.
const WIDTH: usize = 72;

fn main() -> anyhow::Result<()> {
    let directory = PathBuf::from(std::env::args_os().nth(1).context("say the directory to write to")?);
    let mut command = starttech_agent::cli::Arguments::command();

    let pages = directory.join("man");
    fs::create_dir_all(&pages)?;
    // Without `help`: its page would say the same for each command again.
    clap_mangen::generate_to(command.clone().disable_help_subcommand(true), &pages)?;
    for entry in fs::read_dir(&pages)? {
        let path = entry?.path();
        let page = fs::read_to_string(&path)?;
        fs::write(&path, with_sections(&page))?;
    }

    let completions = directory.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut command, "starttech-agent", &completions)?;
    }
    Ok(())
}

/// A page in which what stands below the options has the headings of a man page, and its lines their ends: man would
/// fill them like prose.
fn with_sections(page: &str) -> String {
    let Some((before, rest)) = page.split_once(".SH EXTRA\n") else {
        return page.to_owned();
    };
    let (extra, after) = rest.find("\n.SH ").map_or((rest, ""), |end| rest.split_at(end + 1));
    // Not hyphenated, and not spread to the margin: what is written is often to be typed.
    let mut written = format!("{before}.nh\n.ad l\n");
    let mut section = "";
    for block in extra.trim().split("\n\n") {
        let (heading, body) = match block.split_once('\n') {
            Some(("Examples:", body)) => ("EXAMPLES", body),
            Some(("Exit codes:", body)) => ("EXIT STATUS", body),
            Some(("Keys:", body)) => ("KEYS", body),
            _ => ("NOTES", block),
        };
        if heading == section {
            written.push_str(".PP\n");
        } else {
            written.extend([".SH \"", heading, "\"\n"]);
            section = heading;
        }
        for line in body.lines() {
            put(&mut written, heading, line);
        }
    }
    written + after
}

/// Puts a line where it belongs: prose is filled, an exit status hangs, and all that is indented stays a line.
fn put(written: &mut String, heading: &str, line: &str) {
    let Some(indented) = line.strip_prefix("  ") else {
        written.push_str(line);
        written.push('\n');
        return;
    };
    if heading == "EXIT STATUS" {
        let (code, meaning) = indented.split_once(' ').unwrap_or((indented, ""));
        written.extend([".TP 4\n", code, "\n", meaning.trim_start(), "\n"]);
        return;
    }
    let indent = if heading == "NOTES" { "  " } else { "" };
    written.push_str(".nf\n");
    for part in parts(&format!("{indent}{indented}")) {
        // A dot or a quote at its beginning would make it a request.
        written.extend(["\\&", &part, "\n"]);
    }
    written.push_str(".fi\n");
}

/// A line, or two where it is too long: behind a gap is what is said of what stands before it.
fn parts(line: &str) -> Vec<String> {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    if columns(line) <= WIDTH {
        return vec![line.to_owned()];
    }
    // What is said of the line above has been put far to the right.
    if indent > 8 {
        return vec![format!("      {text}")];
    }
    let split = text.split_once("   ").or_else(|| text.split_once("  "));
    match split {
        Some((said, meaning)) => vec![
            format!("{}{said}", " ".repeat(indent)),
            format!("{}{}", " ".repeat(indent + 6), meaning.trim_start()),
        ],
        None => vec![line.to_owned()],
    }
}

/// How wide it is when it is shown.
fn columns(line: &str) -> usize {
    line.replace("\\-", "-").replace("\\*(Aq", "'").replace("\\\\", "\\").chars().count()
}
