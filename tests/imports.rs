//! Imports of the library go one way: each module uses only those above it in this table.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library, lowest first; each with what it is.
const ORDER: [(&str, &str); 19] = [
    ("error", "the one error type"),
    ("rng", "named random streams"),
    ("memory", "whether there is memory for what is about to be built"),
    ("threads", "teams of threads"),
    ("files", "files that are never half-written"),
    ("names", "closed sets by name, and user-defined members of them"),
    ("differences", "derivatives of user-defined parts beside central differences"),
    ("math", "the derivation, the f64 reference"),
    ("data", "data sets, batches, splits"),
    ("objective", "losses, class weights: what is minimised"),
    ("network", "specification, parameters, initialisers, forward, backward"),
    ("metrics", "predictions give a number"),
    ("evaluate", "the metrics of a network"),
    ("optim", "optimisers, schedules, averages of the weights"),
    ("train", "options, fit, run, step, callbacks"),
    ("model_file", "a network in a file"),
    ("logs", "a run for other tools"),
    ("explain", "traces, attributions, mistakes, curvature"),
    ("custom", "user-defined parts, collected"),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => sources(&path, into),
            path if path.extension().is_some_and(|end| end == "rs") => into.push(path),
            _ => {}
        }
    }
}

/// The modules that the code of a file names as `crate::...`; its tests may use what is above it, its documentation too.
fn imports(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().take_while(|line| line.trim() != "mod tests {").collect();
    let code = code.into_iter().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let end =
            if rest.starts_with('{') { rest.find(';') } else { rest.find(|c: char| !c.is_alphanumeric() && c != '_') };
        let names = rest[..end.unwrap_or(rest.len())].split(|c: char| !c.is_alphanumeric() && c != '_');
        modules.extend(names.filter(|name| ORDER.iter().any(|(module, _)| module == name)).map(str::to_owned));
    }
    modules
}

/// The modules imported each other in cycles: whoever wanted to understand one had to understand all.
#[test]
fn imports_go_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let height = |module: &str| ORDER.iter().position(|(name, _)| *name == module);
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in &files {
        let place = file.strip_prefix(&root).expect("below the root").with_extension("");
        let module = place.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        if module == "lib" {
            continue;
        }
        let here = height(&module).unwrap_or_else(|| unreachable!("`{module}` has no place in the order"));
        for import in imports(&fs::read_to_string(file).expect("text")) {
            seen += 1;
            if height(&import).is_none_or(|there| there > here) {
                wrong.push(format!("{}: {module} imports {import}", place.display()));
            }
        }
    }
    assert!(files.len() > 90 && seen > 200, "{} files, {seen} imports", files.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
