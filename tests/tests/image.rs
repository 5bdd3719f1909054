//! The other ways onto a host: an image that Packer's own script makes, and user data. Without a registry and EC2,
//! the rest is real: the signed repository, apt, systemd, a boot, Docker.

use std::fs;
use std::path::Path;
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
const PROVISION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/packer/provision.sh");

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
        bake(&host, &repository);
        // The image is done. What follows is a host of it.
        boot(&host, &emulator);
        let port = Port::reserve(0).expect("a port").address().port();
        import_backend(&host, port);
        start_by_user_data(&host, port);

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

/// Runs the script as Packer's template does.
fn bake(host: &Machine<'_>, repository: &Path) {
    host.put(repository, "/srv/repository");
    // What is copied from outside lands beneath what is mounted on /tmp.
    host.put(&repository.join("starttech-agent.gpg"), "/opt/starttech-agent.gpg");
    host.expect("mv /opt/starttech-agent.gpg /tmp/");
    host.put(Path::new(PROVISION), "/opt/provision.sh");
    let port = Port::reserve(0).expect("a port").address().port();
    host.expect(&format!("busybox httpd -p 127.0.0.1:{port} -h /srv/repository"));
    host.expect(&format!(
        "sh -c 'chmod +x /opt/provision.sh; env REPOSITORY=http://127.0.0.1:{port} /opt/provision.sh'"
    ));
    for nowhere in ["/usr/sbin/policy-rc.d", "/tmp/starttech-agent.gpg", "/var/lib/starttech-agent"] {
        assert!(!host.is(&format!("test -e {nowhere}")), "{nowhere} is left in the image");
    }
    assert!(!host.is("systemctl is-active --quiet starttech-agent docker"), "nothing ran while it was made");
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

/// Writes the files and runs the commands of the user data, as cloud-init would.
fn start_by_user_data(host: &Machine<'_>, port: u16) {
    let directory = tempfile::tempdir().expect("a directory");
    let put = |path: &str, text: &str, mode: &str| {
        let file = directory.path().join("file");
        fs::write(&file, text).expect("it can be written");
        host.expect(&format!("mkdir -p $(dirname {path})"));
        host.put(&file, path);
        host.expect(&format!("chmod {mode} {path}"));
    };
    put("/usr/local/bin/docker", DOCKER, "755");
    put("/usr/local/bin/curl", CURL, "755");
    let user_data = user_data();
    let kept = host.expect("cat /etc/docker/daemon.json");
    for file in user_data["write_files"].as_array().expect("files") {
        let [path, content] = ["path", "content"].map(|field| file[field].as_str().expect("text"));
        if path == "/etc/docker/daemon.json" {
            assert_eq!(content.trim_end(), kept, "the image and the user data limit logs alike");
        }
        let content = content
            .replace(":8080/", &format!(":{port}/"))
            .replace("ACCOUNT.dkr.ecr.eu-west-1.amazonaws.com/starttech-backend:latest", "backend");
        put(path, &content, file["permissions"].as_str().unwrap_or("0644"));
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

fn user_data() -> Value {
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let output =
        Command::new(emulator::tool("python")).args(["-c", read, USER_DATA]).output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
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
