//! The other ways onto a host: an image that Packer's own script makes, and user data. Without a registry and EC2,
//! the rest is real: the signed repository, apt, systemd, a boot, Docker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::docker::Dockerd;
use harness::emulator::{self, Emulator};
use harness::machine::{self, Machine};
use harness::package;
use harness::port::Port;
use harness::repository::{Keys, publish};
use harness::wait;
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(90);
const GROUP: &str = "/starttech/backend";
const USER_DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/user-data/cloud-config.yaml");
const TERRAFORM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/terraform/host.tf");
const PROVISION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/packer/provision.sh");

/// What a host is told of the repository, and where Docker's logs end.
const KEY: &str = "/etc/apt/keyrings/starttech-agent.asc";
const SOURCES: &str = "/etc/apt/sources.list.d/starttech-agent.sources";
const DAEMON: &str = "/etc/docker/daemon.json";
/// What is to be replaced in the user data, by Terraform or by hand.
const PLACEHOLDERS: [&str; 3] = ["ACCOUNT", "BUCKET", "ARMORED-KEY"];

/// Passes everything on to Docker, but for what there is none of here: a registry, and a network of its own.
const DOCKER: &str = r#"#!/bin/sh
case " $* " in *" pull "*) exit 0 ;; esac
[ "$1" != run ] || { shift && set -- run --network host "$@"; }
exec /usr/bin/docker "$@"
"#;
/// The address comes last. The root file system has no curl, and its busybox cannot look names up.
const CURL: &str = r#"#!/bin/bash
address=${!#} && address=${address#http://} && host=${address%%/*}
exec 3<>"/dev/tcp/${host%:*}/${host#*:}" || exit 7
printf 'GET /%s HTTP/1.0\r\n\r\n' "${address#*/}" >&3
read -r _ status _ <&3
[ "$status" = 200 ] || exit 22
"#;
/// Is not well at once.
const BACKEND: &str = "echo listening; mkdir -p /www; (sleep 3; echo ok > /www/health) & exec httpd -f -p 127.0.0.1:PORT -h /www";

#[test]
fn an_image_of_packers_script_ships_the_first_line_of_its_first_boot() {
    let (docker, emulator, keys) = (Dockerd::start(), Emulator::start(), Keys::make());
    let directory = tempfile::tempdir().expect("a directory");
    let repository = directory.path().join("repository");
    assert!(publish(&keys, &keys.ours, &repository, &[&package::built()]).status.success());
    for suite in machine::suites() {
        let image = machine::import(&docker, &suite);
        let host = Machine::boot(&docker, "image", &image);
        let served = Served::at(&repository);
        install_by_user_data(&host, &served);
        bake(&host, &served);
        // The image is done. What follows is a host of it.
        boot(&host, &emulator);
        let port = Port::reserve(0).expect("a port").address().port();
        import_backend(&host, port);
        served.serve(&host);
        install_by_user_data(&host, &served);
        start_by_user_data(&host, &served, port);

        let client = emulator.client();
        let arrived = || {
            let streams = client.streams(GROUP);
            let of_backend = streams.iter().filter(|stream| stream.contains("/starttech-backend/"));
            of_backend.flat_map(|stream| client.events(GROUP, stream)).any(|(_, line)| line == "listening")
        };
        wait::until_or(LIMIT, "the backend's line in the emulator", arrived, || host.journal());
        docker.expect(["rm", "--force", "--volumes", "image"]);
        let answer = client.call("DeleteLogGroup", &serde_json::json!({ "logGroupName": GROUP }));
        assert_eq!(answer.expect("an answer").status, 200);
    }
}

/// A repository on the host's own loopback, in place of a bucket.
struct Served {
    directory: PathBuf,
    port: u16,
    key: String,
}

impl Served {
    fn at(directory: &Path) -> Self {
        let key = fs::read_to_string(directory.join("starttech-agent.asc")).expect("it was exported");
        let port = Port::reserve(0).expect("a port").address().port();
        Self { directory: directory.to_owned(), port, key }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn serve(&self, host: &Machine<'_>) {
        host.expect(&format!("busybox httpd -p 127.0.0.1:{} -h /srv/repository", self.port));
    }
}

/// Has apt read the repository as the user data says it: on a plain host without gpg, and on one of the image, where
/// apt would refuse two files that say it otherwise.
fn install_by_user_data(host: &Machine<'_>, served: &Served) {
    let plain = !host.is(&format!("test -e {SOURCES}"));
    if plain {
        host.put(&served.directory, "/srv/repository");
        served.serve(host);
    }
    assert!(!host.is("command -v gpg"), "a host has none, and needs none");
    let user_data = user_data(served);
    assert!(user_data.get("apt").is_none(), "cloud-init would name another key, by gpg");
    for path in [KEY, SOURCES, DAEMON] {
        let files = user_data["write_files"].as_array().expect("files");
        let file = files.iter().find(|file| file["path"] == path).expect(path);
        let content = file["content"].as_str().expect("text");
        assert!(file.get("defer").is_none(), "{path} is there before packages are installed");
        if plain {
            put(host, path, content, "0644");
        } else {
            assert_eq!(content.trim_end(), host.expect(&format!("cat {path}")), "{path} of the image");
        }
    }
    host.expect("apt-get update --quiet --error-on=any && apt-cache policy starttech-agent | grep -q Candidate.*[0-9]");
}

/// Runs the script as Packer's template does.
fn bake(host: &Machine<'_>, served: &Served) {
    let provision =
        format!("sh -c 'chmod +x /opt/provision.sh; env REPOSITORY={} /opt/provision.sh'", served.url());
    // What is copied from outside lands beneath what is mounted on /tmp.
    host.expect("cp /srv/repository/starttech-agent.asc /tmp/");
    host.put(Path::new(PROVISION), "/opt/provision.sh");
    host.expect(&provision);
    for nowhere in ["/usr/sbin/policy-rc.d", "/tmp/starttech-agent.asc", "/var/lib/starttech-agent"] {
        assert!(!host.is(&format!("test -e {nowhere}")), "{nowhere} is left in the image");
    }
    assert!(!host.is("systemctl is-active --quiet starttech-agent docker"), "nothing ran while it was made");
    // An image whose hosts would run only one of the two is none.
    for unit in ["docker", "starttech-agent"] {
        host.expect(&format!("systemctl disable {unit} && cp /srv/repository/starttech-agent.asc /tmp/"));
        assert!(!host.is(&provision), "{unit} does not start in this image");
        host.expect(&format!("systemctl enable {unit}"));
    }
    host.expect("rm /tmp/starttech-agent.asc");
}

/// The first boot, with the emulator in AWS's place and no network made on this machine.
fn boot(host: &Machine<'_>, emulator: &Emulator) {
    let drop_in = |unit: &str, text: &str| {
        let directory = format!("/etc/systemd/system/{unit}.d");
        host.expect(&format!(
            "mkdir -p {directory} && printf '[Service]\\n{text}\\n' > {directory}/test.conf"
        ));
    };
    let url = emulator.url();
    drop_in(
        "starttech-agent.service",
        &format!(
            "Environment=AWS_ENDPOINT_URL={url} AWS_EC2_METADATA_DISABLED=true AWS_ACCESS_KEY_ID=test \
             AWS_SECRET_ACCESS_KEY=test"
        ),
    );
    let without_network = "ExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --bridge=none --iptables=false --ip6tables=false \
                           --ip-forward=false";
    drop_in("docker.service", without_network);
    host.shut_down();
    host.boot_again();
    host.await_that(LIMIT, "systemctl is-active --quiet starttech-agent docker && docker version");
}

fn import_backend(host: &Machine<'_>, port: u16) {
    let command = serde_json::json!(["sh", "-c", BACKEND.replace("PORT", &port.to_string())]);
    host.expect(&format!(
        "mkdir -p /opt/image/bin && cp /bin/busybox /opt/image/bin/ && \
         for name in sh echo mkdir sleep httpd; do ln -sf busybox /opt/image/bin/$name; done && \
         tar -c -C /opt/image . | docker import --change \"$(cat <<'END'\nCMD {command}\nEND\n)\" - backend"
    ));
}

fn put(host: &Machine<'_>, path: &str, text: &str, mode: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    fs::write(&file, text).expect("it can be written");
    host.expect(&format!("mkdir -p $(dirname {path})"));
    host.put(&file, path);
    host.expect(&format!("chmod {mode} {path}"));
}

/// Writes the files and runs the commands of the user data, as cloud-init would.
fn start_by_user_data(host: &Machine<'_>, served: &Served, port: u16) {
    put(host, "/usr/local/bin/docker", DOCKER, "755");
    put(host, "/usr/local/bin/curl", CURL, "755");
    let user_data = user_data(served);
    for file in user_data["write_files"].as_array().expect("files") {
        let [path, content] = ["path", "content"].map(|field| file[field].as_str().expect("text"));
        let content = content
            .replace(":8080/", &format!(":{port}/"))
            .replace("ACCOUNT.dkr.ecr.eu-west-1.amazonaws.com/starttech-backend:latest", "backend");
        put(host, path, &content, file["permissions"].as_str().unwrap_or("0644"));
    }
    for command in user_data["runcmd"].as_array().expect("commands") {
        let words = command.as_array().expect("words").iter().map(|word| word.as_str().expect("text"));
        let quoted: Vec<_> = words.map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
        println!("{}", host.expect(&quoted.join(" ")));
    }
    let limits =
        host.expect("docker inspect --format '{{json .HostConfig.LogConfig.Config}}' starttech-backend");
    assert_eq!(limits, r#"{"max-file":"3","max-size":"10m"}"#);
    // Once more, for another image: what ran before is replaced.
    let before = host.expect("docker inspect --format '{{.Id}}' starttech-backend");
    host.expect("/usr/local/sbin/start-backend backend");
    assert_ne!(host.expect("docker inspect --format '{{.Id}}' starttech-backend"), before);
    // A backend that is never well fails the boot's log, with its last lines.
    let never = host.run("sed 's|/health|/nothing|; s/-lt 30/-lt 2/' /usr/local/sbin/start-backend > /opt/never; sh /opt/never backend");
    let said = String::from_utf8_lossy(&never.stdout).into_owned();
    assert!(!never.status.success() && said.contains("listening"), "{never:?}");
}

/// As Terraform fills it in, but for the account.
fn user_data(served: &Served) -> Value {
    let text = fs::read_to_string(USER_DATA).expect("it is there");
    let text = text
        .replace("https://BUCKET.s3.eu-west-1.amazonaws.com", &served.url())
        .replace("ARMORED-KEY", &served.key.trim().replace('\n', "\n      "));
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
    let output = Command::new(emulator::tool("python")).args(["-c", read, &text]).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn terraform_replaces_what_is_to_be_replaced() {
    let [terraform, user_data] = [TERRAFORM, USER_DATA].map(|file| fs::read_to_string(file).expect(file));
    for placeholder in PLACEHOLDERS {
        assert!(terraform.contains(&format!(", \"{placeholder}\", ")), "{placeholder} is sent as it is");
        assert!(user_data.contains(placeholder), "there is no {placeholder}");
    }
    let settings = user_data.lines().filter(|line| !line.trim_start().starts_with('#'));
    let shouted =
        settings.flat_map(|line| line.split(|sign: char| !sign.is_ascii_uppercase() && sign != '-'));
    let others: Vec<_> = shouted
        .map(|word| word.trim_matches('-'))
        .filter(|word| word.len() > 3 && !PLACEHOLDERS.contains(word))
        .collect();
    assert!(others.is_empty(), "{others:?} look as if they were to be replaced");
}

#[test]
fn cloud_init_takes_the_user_data() {
    let modules = emulator::cache().join("cloud-init/usr/lib/python3/dist-packages");
    let check = |file: &Path| {
        let command = "import sys; from cloudinit.cmd.main import main; sys.exit(main())";
        let mut python = Command::new(emulator::tool("python"));
        python.env("PYTHONPATH", &modules).args(["-c", command, "schema", "--config-file"]).arg(file);
        python.output().expect("python")
    };
    let good = check(Path::new(USER_DATA));
    let said = String::from_utf8_lossy(&good.stdout);
    assert!(good.status.success() && said.contains("Valid"), "{good:?}");
    assert!(!said.contains("deprecat"), "{said}");
    let directory = tempfile::tempdir().expect("a directory");
    let bad = directory.path().join("bad.yaml");
    let text = fs::read_to_string(USER_DATA).expect("it is there");
    fs::write(&bad, text.replace("permissions: \"0755\"", "permissions: 755")).expect("it can be written");
    assert!(!check(&bad).status.success(), "what is no text is refused");
}
