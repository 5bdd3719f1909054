//! A small dashboard over a directory, for the tests of what draws and serves it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::{Settings, Source};
use crate::page::model::Dashboard;

/// When the tests play: at a full minute.
pub(super) const NOW_MS: i64 = 1_800_000_000_000 / 60_000 * 60_000;

/// What is shown, and its clock.
pub(super) struct Sample {
    pub(super) directory: TempDir,
    pub(super) now_ms: Arc<AtomicI64>,
}

impl Sample {
    pub(super) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), now_ms: Arc::new(AtomicI64::new(NOW_MS)) }
    }

    /// A widget of this host's, one of AWS's, one of lines, one of text.
    pub(super) fn settings(&self, lines: Source) -> Settings {
        let metric = |namespace: &str| json!({ "type": "metric", "properties": { "region": "eu-west-1", "metrics": [[namespace, "m", "InstanceId", "x"]] } });
        let query =
            json!({ "region": "eu-west-1", "query": "fields @message | filter @message like /line/" });
        let text = json!({ "widgets": [
            metric("N"),
            metric("AWS/X"),
            { "type": "log", "properties": query },
            { "type": "text", "properties": { "markdown": "words" } },
        ] });
        let text = text.to_string();
        let now_ms = Arc::clone(&self.now_ms);
        Settings {
            title: "title".to_owned(),
            host: "host".to_owned(),
            dashboard: (Dashboard::read(&text).unwrap(), text.into_bytes()),
            alarms: Box::new(|_| (Vec::new(), Vec::new())),
            history: self.directory.path().join(".spool/history"),
            lines,
            now_ms: Box::new(move || now_ms.load(Ordering::Relaxed)),
        }
    }

    pub(super) fn of_directory(&self) -> Settings {
        self.settings(Source::Directory(self.directory.path().to_owned()))
    }

    /// So many milliseconds pass.
    pub(super) fn pass(&self, ms: i64) -> i64 {
        self.now_ms.fetch_add(ms, Ordering::Relaxed) + ms
    }

    /// Something is measured, so many minutes ago.
    pub(super) fn measured(&self, namespace: &str, ago: i64) {
        let data = json!([{ "name": "m", "unit": "Count", "time": NOW_MS - ago * 60_000, "value": 1.5 }]);
        let series = json!([[["InstanceId", "x"]]]);
        let batch = json!({ "namespace": namespace, "series": series, "resolution_s": 60, "data": data });
        append(&self.directory.path().join(".spool/history/metrics.jsonl"), &format!("{batch}\n"));
    }
}

fn append(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::options().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}
