//! The commands of the README, each as it stands there, in sh, in a fresh folder for each block.
//!
//! Runs on the large images are cut to one epoch of 2,000 rows, and what the README says of their accuracy is compared where
//! `LAYERLOOP_README=full` is set, as on a schedule. What builds is not run again by its own test: it is checked that it is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Folder, Said, data_dir};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README")
}

/// The blocks that have commands: with `$ ` before each, or all lines of a block of sh.
fn blocks(readme: &str) -> Vec<Vec<String>> {
    let fenced = readme.split("\n```").collect::<Vec<_>>();
    let is_code = fenced.iter().enumerate().filter(|(at, _)| at % 2 == 1).map(|(_, block)| block.replace("\\\n", " "));
    is_code.map(|block| commands(&block)).filter(|commands| !commands.is_empty()).collect()
}

fn commands(block: &str) -> Vec<String> {
    let mut lines = block.lines();
    let is_sh = lines.next() == Some("sh");
    lines.filter_map(|line| if is_sh { Some(line) } else { line.strip_prefix("$ ") }).map(str::to_owned).collect()
}

/// A command without its comment.
fn bare(command: &str) -> &str {
    command.split("  #").next().unwrap_or(command).trim()
}

/// A folder whose `bin` has the program, and with what the examples are called on: a model, a picture, tables.
fn prepared() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("bin")).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_layerloop"), folder.path("bin/layerloop")).expect("a link");
    folder.run(&["train", "--quiet", "--save", "model.safetensors"]).well();
    for table in ["people.csv", "people_test.csv", "new.csv"] {
        fs::write(folder.path(table), super::tables::people(200)).expect("written");
    }
    let mut encoder = png::Encoder::new(fs::File::create(folder.path("digit.png")).expect("a file"), 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..64).map(|i| if i % 8 == 3 { 255 } else { 0 }).collect();
    encoder.write_header().expect("a header").write_image_data(&pixels).expect("its pixels");
    folder
}

fn sh(folder: &Folder, command: &str, data: &Path) -> Said {
    let path = format!("{}:{}", folder.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder.0.path()).env("PATH", path).env("LAYERLOOP_DATA", data);
    Said::new(shell.output().expect("sh starts"))
}

/// Whether the command is one that builds, kills or tests: then it is checked that it can work.
fn is_checked_otherwise(command: &str) -> bool {
    let words: Vec<&str> = bare(command).split(' ').collect();
    match words[..] {
        ["cargo", "install", "--path", path] => assert!(root().join(path).join("Cargo.toml").exists(), "{command}"),
        ["cargo", "run", "--release", "--example", name] => {
            assert!(root().join("examples").join(name).with_extension("rs").exists(), "{command}");
        }
        // `python/test` installs the package and compares what the example prints.
        ["pip", "install", "./python"] => assert!(root().join("python/pyproject.toml").exists(), "{command}"),
        ["python", script] => assert!(root().join(script).exists(), "{command}"),
        ["./test"] => assert!(root().join("test").exists(), "{command}"),
        ["kill", "-9", "..."] => {} // `runs.rs` kills runs
        _ => return false,
    }
    true
}

/// What is run in place of a command: `cargo run --release --` is the program, and a large run is a short one.
fn run_as(command: &str, is_full: bool) -> String {
    let command = bare(command).replace("cargo run --release --", "layerloop").replace(" --tui", "");
    let is_large = command.contains("train mnist") || command.contains("train fashion-mnist");
    if is_large && !is_full { format!("{command} --epochs 1 --limit 2000") } else { command }
}

/// The accuracy that the README has in the comment of a command, or below it: `0.9854`, `test accuracy 0.9037`.
fn quoted<'a>(command: &str, readme: &'a str) -> Option<&'a str> {
    let last = command.rsplit("  ").next().unwrap_or(command).trim();
    let (line, below) = readme[readme.find(last)?..].split_once('\n')?;
    let below = &below[..below.find("\n$ ").into_iter().chain(below.find("```")).min().unwrap_or(below.len())];
    let comment = line.split_once('#').and_then(|(_, comment)| comment.find("0.").map(|at| &comment[at..]));
    comment.or_else(|| below.split_once("test accuracy ").map(|(_, figure)| figure))?.get(..6)
}

/// The README's commands were run by nobody; the later ones call a `layerloop` that was never installed.
#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let Some(data) = data_dir("every_command_of_the_readme_does_what_it_says") else { return };
    let data = data.canonicalize().expect("the folder");
    let is_full = std::env::var("LAYERLOOP_README").is_ok_and(|wanted| wanted == "full");
    let (text, mut count) = (readme(), 0);
    for block in blocks(&text) {
        let folder = prepared();
        for command in block {
            count += 1;
            if is_checked_otherwise(&command) {
                continue;
            }
            let ready = run_as(&command, is_full);
            let said = sh(&folder, &ready, &data);
            assert_eq!(said.code, 0, "{command}, run as {ready}: {said:?}");
            if let (true, Some(figure)) = (is_full && command.contains(" train "), quoted(&command, &text)) {
                assert!(said.out.contains(&format!("test accuracy {figure}")), "{command}: {figure}, but {said:?}");
            }
        }
    }
    assert!(count >= 18, "only {count} commands were found");
}

/// What the first command prints is what the README shows of it, but for the times.
#[test]
fn the_end_of_the_first_run_is_the_one_that_is_shown() {
    let text = readme();
    let shown = text.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("the end of a run");
    let said =
        Folder::new().run(&["train"]).well().out.replace(env!("CARGO_BIN_EXE_layerloop"), "target/release/layerloop");
    let timeless = |line: &str| line.split(" after ").next().unwrap_or(line).trim_end_matches(" ms").to_owned();
    let printed: Vec<String> = said.lines().map(timeless).collect();
    for line in shown.lines().map(timeless) {
        // Of a row of the table, all but its last column.
        let start = if line.starts_with("   ") { &line[..line.rfind("  ").unwrap_or(line.len())] } else { &line };
        assert!(printed.iter().any(|printed| printed.starts_with(start)), "`{line}` in {printed:#?}");
    }
}
