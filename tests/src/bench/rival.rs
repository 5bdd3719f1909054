//! Other programs that ship container logs, where they are installed.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::bench::machine::said;

/// A program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rival {
    /// Fluent Bit with its tail input and its cloudwatch_logs output.
    FluentBit,
    /// Vector with its file source and its aws_cloudwatch_logs sink.
    Vector,
}

impl Rival {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::FluentBit, Self::Vector];

    /// As one types it.
    pub(super) fn program(self) -> &'static str {
        match self {
            Self::FluentBit => "fluent-bit",
            Self::Vector => "vector",
        }
    }

    /// Whether it is on the `PATH`.
    pub(super) fn is_there(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|directory| directory.join(self.program()).is_file())
    }

    /// What it says of itself.
    pub(super) fn version(self) -> String {
        said(Command::new(self.program()).arg("--version"))
    }

    /// The arguments that name its configuration, which is written into the directory.
    fn configure(self, directory: &Path, address: SocketAddr, log: &Path, stream: &str) -> Vec<String> {
        let (here, log) = (directory.display(), log.display());
        let (name, text) = match self {
            Self::FluentBit => {
                fs::write(
                    directory.join("parsers.conf"),
                    "[PARSER]\n Name docker\n Format json\n Time_Key time\n \
                     Time_Format %Y-%m-%dT%H:%M:%S.%L\n Time_Keep Off\n",
                )
                .expect("a file of parsers");
                let text = format!(
                    "[SERVICE]\n Flush 1\n Log_Level error\n Parsers_File {here}/parsers.conf\n\
                     [INPUT]\n Name tail\n Path {log}\n Parser docker\n Read_from_Head On\n DB {here}/db\n\
                     [OUTPUT]\n Name cloudwatch_logs\n Match *\n region eu-west-1\n log_group_name /bench\n \
                     log_stream_name {stream}\n log_key log\n auto_create_group On\n \
                     endpoint {}\n port {}\n tls Off\n",
                    address.ip(),
                    address.port()
                );
                ("fluent-bit.conf", text)
            }
            Self::Vector => {
                let text = format!(
                    "data_dir = \"{here}\"\n\
                     [sources.in]\ntype = \"file\"\ninclude = [\"{log}\"]\nread_from = \"beginning\"\n\
                     [transforms.line]\ntype = \"remap\"\ninputs = [\"in\"]\n\
                     source = '. = object!(parse_json!(string!(.message)))\n\
                     .message = strip_whitespace(string!(.log))\n\
                     .timestamp = parse_timestamp!(.time, \"%+\")'\n\
                     [sinks.out]\ntype = \"aws_cloudwatch_logs\"\ninputs = [\"line\"]\nregion = \"eu-west-1\"\n\
                     endpoint = \"http://{address}\"\ngroup_name = \"/bench\"\nstream_name = \"{stream}\"\n\
                     encoding.codec = \"text\"\nhealthcheck.enabled = false\n"
                );
                ("vector.toml", text)
            }
        };
        fs::write(directory.join(name), text).expect("a configuration file");
        vec![String::from("--config"), directory.join(name).display().to_string()]
    }
}

/// A program at work; it ends with this value.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    _directory: TempDir,
}

impl Running {
    /// Ships this json-file log to the stream of this name.
    pub(super) fn start(rival: Rival, address: SocketAddr, log: &Path, stream: &str) -> Self {
        let directory = TempDir::with_prefix("starttech-bench-").expect("a temporary directory");
        let arguments = rival.configure(directory.path(), address, log, stream);
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", rival.program()]).args(arguments);
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example/secret/of/the/benchmark/00000000"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            command.env(name, value);
        }
        let said = File::create(directory.path().join("said")).expect("a log");
        let errors = said.try_clone().expect("a second handle");
        let child = command.stdin(Stdio::null()).stdout(said).stderr(errors).spawn().expect("setpriv");
        Self { child, _directory: directory }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
