//! `dashboard preview`: anybody's dashboard as a page or a picture, before it is put into an account.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options as Reading, Tree};

use super::serve::read;
use crate::cli::output;
use crate::page::document::{self, Frame, Theme};
use crate::page::model::Dashboard;
use crate::page::sample::Sample;
use crate::page::series::Range;
use crate::page::{self, Input, layout, picture};
use crate::provision::lint::lint;
use crate::spool::history;
use crate::telemetry;
use crate::viewer::history::History;
use crate::viewer::lines::Lines;

pub(super) const HELP: &str = "\
Examples:
  starttech-agent dashboard preview dashboards/starttech.json --out page.html
  starttech-agent dashboard preview theirs.json --out theirs.png --theme dark
  starttech-agent dashboard preview theirs.json --data starttech-logs
                                       with what `run --local` measured, and sample data for the rest

What `lint` says of a widget stands on it, and on one that would stay empty why. The page is one file, which fetches
nothing.

Exit codes:
  0   drawn
  1   the file cannot be read or is no dashboard, or the picture cannot be made
  64  bad usage";

/// What is drawn: three hours.
const SHOWN_S: i64 = 3 * 3600;

/// A picture of more is not made: each pixel takes four bytes while it is drawn, and four more while it is packed. It is
/// 11,000 high, twice what is made by a dashboard of a hundred widgets.
const MOST_PIXELS: u64 = 16_000_000;

/// What can be said to it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A dashboard's JSON, in any of the shapes that `lint` reads
    file: PathBuf,

    /// Where to: .html, .svg or .png say what
    #[arg(long, value_name = "FILE", default_value = "dashboard.html", value_parser = out)]
    out: PathBuf,

    /// With what `run --local=DIR` measured and shipped
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// How it looks; a page is as the browser is if it is not said
    #[arg(long, value_enum)]
    theme: Option<Look>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Look {
    Light,
    Dark,
}

fn out(text: &str) -> Result<PathBuf, String> {
    if ["html", "svg", "png"].contains(&kind(Path::new(text))) {
        return Ok(text.into());
    }
    Err("name it .html, .svg or .png, which says what to make".to_owned())
}

fn kind(path: &Path) -> &str {
    path.extension().and_then(|kind| kind.to_str()).unwrap_or_default()
}

/// Does it.
pub(super) fn preview(options: &Options) -> anyhow::Result<ExitCode> {
    let kind = kind(&options.out);
    let text = read(&options.file)?;
    let dashboard = Dashboard::read(&text)
        .map_err(|unread| anyhow::anyhow!("{} is no dashboard: {unread}", options.file.display()))?;
    let report = lint(&options.file.to_string_lossy(), text.as_bytes());
    let now_s = telemetry::now_ms().div_euclid(1000);
    let to_s = now_s.div_euclid(60) * 60 + 60;
    let range = Range { from_s: to_s - SHOWN_S, to_s };
    let (mut history, mut lines) = (None, Lines::default());
    if let Some(dir) = &options.data {
        let mut known = History::new(history::directory(&dir.join(".spool")));
        known
            .refresh(range.from_s)
            .with_context(|| format!("cannot read what was measured in {}", dir.display()))?;
        lines.refresh(dir, range.from_s * 1000);
        history = Some(known.measured.data);
    }
    let sample = Sample::of(&dashboard, range);
    let input = Input {
        dashboard: &dashboard,
        report: &report,
        data: &history.unwrap_or_default(),
        lines: &lines.all,
        alarms: &[],
        range,
        sample: Some(&sample),
    };
    let title = options.file.file_stem().unwrap_or_default().to_string_lossy();
    let notice = "what is marked as sample data is made up";
    let theme = match options.theme {
        None if kind == "html" => Theme::System,
        None | Some(Look::Light) => Theme::Light,
        Some(Look::Dark) => Theme::Dark,
    };
    let drawn = match kind {
        "html" => {
            let frame = Frame {
                title: &title,
                host: "preview",
                now_s,
                range,
                theme,
                notice: Some(notice),
                live: None,
            };
            let places = layout::places(&dashboard);
            document::page(&frame, &dashboard, &page::panels(&input), (&places, &[]), (&[], &[]))
                .html
                .into_bytes()
        }
        "svg" => picture::picture(&title, Some(notice), &input, theme).into_bytes(),
        _ => png(&picture::picture(&title, Some(notice), &input, theme))?,
    };
    write(&options.out, &drawn)?;
    let findings = match report.findings.len() {
        0 => "lint finds nothing".to_owned(),
        1 => "lint has one finding, marked on it".to_owned(),
        many => format!("lint has {many} findings, marked on it"),
    };
    let more = match dashboard.left_out {
        0 => String::new(),
        more => format!(" and {more} more, which are not drawn"),
    };
    output::result(&format!(
        "{}: {} widgets{more}; {findings}",
        options.out.display(),
        dashboard.widgets.len()
    ));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn png(svg: &str) -> anyhow::Result<Vec<u8>> {
    let mut reading = Reading::default();
    reading.fontdb_mut().load_system_fonts();
    if reading.fontdb.is_empty() {
        bail!(
            "there is no font on this host to write with: apt install fonts-dejavu-core, or --out page.html"
        );
    }
    let tree = Tree::from_str(svg, &reading).context("the picture cannot be read back")?;
    let size = tree.size().to_int_size();
    fits(size.width(), size.height())?;
    let mut pixels = Pixmap::new(size.width(), size.height()).context("the picture is too big")?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().context("the picture cannot be packed")
}

/// Whether pixels of this picture are no burden to a small host.
fn fits(width: u32, height: u32) -> anyhow::Result<()> {
    anyhow::ensure!(
        u64::from(width) * u64::from(height) <= MOST_PIXELS,
        "the picture would have {width} x {height} pixels, more than {} million: name it .svg or .html, which have no \
         pixels, or draw a part of the dashboard",
        MOST_PIXELS / 1_000_000
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_have_an_end_and_it_is_said_what_to_do() {
        assert!(fits(1440, 11_111).is_ok());
        for (width, height) in [(1440, 11_112), (u32::MAX, u32::MAX)] {
            let why = fits(width, height).unwrap_err().to_string();
            assert!(why.contains("more than 16 million: name it .svg or .html"), "{why}");
        }
    }
}
