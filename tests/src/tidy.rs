//! The rules of the code base that no lint knows, as functions over texts.

mod code;
mod layers;

/// A median file of the agent has at most this many lines.
pub const MEDIAN_LINES: usize = 150;
/// The longest file of the agent has at most this many.
pub const LONGEST_FILE: usize = 400;
/// `main.rs` fits on one screen.
pub const LONGEST_MAIN: usize = 70;
/// A map that is longer is not read.
pub const LONGEST_ARCHITECTURE: usize = 150;

/// A file: its path below the root it was looked for in, and its text.
#[derive(Debug, Clone)]
pub struct File {
    /// With `/` between its parts.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl File {
    fn is_tests(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    fn product_code(&self) -> String {
        code::without_tests(&code::blanked(&self.text))
    }
}

/// What breaks the layers, paths being those below `agent/src`.
pub fn layers(files: &[File]) -> Vec<String> {
    let product = files.iter().filter(|file| !file.is_tests());
    product.flat_map(|file| layers::check(&file.path, &file.product_code())).collect()
}

/// What breaks the budget of lines, paths being those below `agent/src`. Blank lines and comments
/// count; tests do not.
pub fn budget(files: &[File]) -> Vec<String> {
    let product = files.iter().filter(|file| !file.is_tests());
    let mut sizes: Vec<(usize, &str)> =
        product.map(|file| (file.product_code().lines().count(), file.path.as_str())).collect();
    sizes.sort_unstable();
    let mut faults = Vec::new();
    for (size, path) in &sizes {
        let limit = if *path == "main.rs" { LONGEST_MAIN } else { LONGEST_FILE };
        if *size > limit {
            faults.push(format!("{path}: {size} lines are more than {limit}"));
        }
    }
    if let Some((median, path)) = sizes.get(sizes.len() / 2).filter(|(size, _)| *size > MEDIAN_LINES) {
        faults.push(format!("{path}: the median of {median} lines is more than {MEDIAN_LINES}"));
    }
    faults
}

/// What breaks the form of a Rust file.
pub fn form(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for File { path, text } in files {
        if !text.starts_with("//!") {
            faults.push(format!("{path}: does not open with what it is for"));
        }
        if path == "mod.rs" || path.ends_with("/mod.rs") {
            faults.push(format!("{path}: a module's file has the module's name"));
        }
        let code = code::blanked(text);
        for word in ["todo!", "unimplemented!", "#[ignore"] {
            if code.contains(word) {
                faults.push(format!("{path}: says {word}"));
            }
        }
    }
    faults
}

/// Texts that belong to one machine or one network, in pieces, so that this file has none of them.
const FOREIGN: [&str; 9] = [
    concat!("art", "ifactory"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("deb.", "debian.org"),
    concat!("/", "work/"),
    concat!("/", "root/"),
];

/// Registry hosts and paths of a developer's machine, in any file of the tree.
pub fn foreign(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for File { path, text } in files {
        for (index, line) in text.lines().enumerate() {
            let found = FOREIGN.iter().filter(|foreign| line.contains(*foreign));
            faults.extend(found.map(|foreign| format!("{path}:{}: says {foreign}", index + 1)));
        }
    }
    faults
}

/// What is wrong with the map of the code.
pub fn architecture(text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let fault = format!("ARCHITECTURE.md: {lines} lines are more than {LONGEST_ARCHITECTURE}");
    (lines > LONGEST_ARCHITECTURE).then_some(fault).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: impl Into<String>) -> File {
        File { path: path.to_owned(), text: text.into() }
    }

    fn lines(count: usize) -> String {
        format!("//! x\n{}", "fn f() {}\n".repeat(count - 1))
    }

    #[test]
    fn a_file_in_a_wrong_layer_is_found_and_its_tests_are_not() {
        let planted = "//! x\nuse crate::docker;\n";
        assert_eq!(layers(&[file("tail.rs", planted)]).len(), 1);
        let tested = "//! x\n// crate::docker\n#[cfg(test)]\nmod tests {\n use crate::docker;\n}\n";
        assert_eq!(layers(&[file("tail.rs", tested), file("tail/tests.rs", planted)]), [""; 0]);
    }

    #[test]
    fn the_longest_file_and_main_have_their_limits() {
        let short: Vec<_> = (0..3).map(|index| file(&format!("f{index}.rs"), lines(10))).collect();
        let with = |path: &str, text: String| [short.clone(), vec![file(path, text)]].concat();
        assert_eq!(budget(&with("long.rs", lines(400))), [""; 0]);
        assert_eq!(budget(&with("long.rs", lines(401))).len(), 1);
        assert_eq!(budget(&with("main.rs", lines(70))), [""; 0]);
        assert_eq!(budget(&with("main.rs", lines(71))).len(), 1);
        let tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(390), lines(50));
        assert_eq!(budget(&with("long.rs", tests)), [""; 0]);
    }

    #[test]
    fn the_median_has_its_limit() {
        let files =
            |count| vec![file("a.rs", lines(10)), file("b.rs", lines(count)), file("c.rs", lines(300))];
        assert_eq!(budget(&files(150)), [""; 0]);
        assert_eq!(budget(&files(151)).len(), 1);
    }

    #[test]
    fn a_file_opens_with_what_it_is_for() {
        assert_eq!(form(&[file("a.rs", "//! For this.\n")]), [""; 0]);
        assert_eq!(form(&[file("a.rs", "use std::fs;\n")]).len(), 1);
    }

    #[test]
    fn a_module_has_no_mod_rs() {
        assert_eq!(form(&[file("aws/mod.rs", "//! x")]).len(), 1);
    }

    #[test]
    fn unfinished_work_is_found_in_code_only() {
        for planted in ["fn f() { todo!() }", "unimplemented!()", "#[ignore = \"slow\"]\nfn f() {}"] {
            assert_eq!(form(&[file("a.rs", format!("//! x\n{planted}"))]).len(), 1, "{planted}");
        }
        assert_eq!(form(&[file("a.rs", "//! x\n// todo!\nlet x = \"todo!\";")]), [""; 0]);
    }

    #[test]
    fn a_machines_own_texts_are_found() {
        for foreign_text in FOREIGN {
            assert_eq!(foreign(&[file("README.md", format!("see {foreign_text} x"))]).len(), 1);
        }
        assert_eq!(foreign(&[file("README.md", "the network/ of crates.io")]), [""; 0]);
    }

    #[test]
    fn a_map_has_its_limit() {
        assert_eq!(architecture(&"line\n".repeat(150)), [""; 0]);
        assert_eq!(architecture(&"line\n".repeat(151)).len(), 1);
    }
}
