//! Writes the licences of everything that is linked into the program: for the package.
//!
//! `cargo run --example notices > third-party.txt`. Each text once, under the crates that have it.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<PathBuf>,
    manifest_path: PathBuf,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    root: String,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", &host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let linked = linked(&metadata.resolve);
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    println!("The program starttech-agent is linked with these crates, under these licences.\n");
    for package in metadata.packages.iter().filter(|package| linked.contains(&*package.id)) {
        if package.source.is_none() {
            continue;
        }
        let title = format!("{} {}", package.name, package.version);
        println!("  {title}: {}", package.license.as_deref().unwrap_or("see its text"));
        for file in files(package)? {
            let text = fs::read(&file)?;
            let text = String::from_utf8_lossy(&text).replace("\r\n", "\n").trim_end().to_owned();
            texts.entry(text).or_default().push(title.clone());
        }
    }
    for (text, packages) in texts {
        println!("\n{}\n\n{}\n\n{text}", "-".repeat(80), packages.join(", "));
    }
    Ok(())
}

/// What is there when the program runs: not what builds or tests it.
fn linked(resolve: &Resolve) -> BTreeSet<&str> {
    let mut linked = BTreeSet::new();
    let mut open = vec![&*resolve.root];
    while let Some(id) = open.pop() {
        if !linked.insert(id) {
            continue;
        }
        let Some(node) = resolve.nodes.iter().find(|node| node.id == id) else { continue };
        let normal = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        open.extend(node.deps.iter().filter(normal).map(|dependency| &*dependency.pkg));
    }
    linked
}

/// What lies beside the manifest under one of the usual names, and what the manifest names.
fn files(package: &Package) -> std::io::Result<BTreeSet<PathBuf>> {
    let directory = package.manifest_path.parent().unwrap_or(Path::new("."));
    let usual = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file()
            && ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
                .iter()
                .any(|usual| name.starts_with(usual))
    };
    let mut files: BTreeSet<PathBuf> =
        fs::read_dir(directory)?.flatten().map(|entry| entry.path()).filter(usual).collect();
    files.extend(package.license_file.iter().map(|file| directory.join(file)).filter(|file| file.is_file()));
    Ok(files)
}
