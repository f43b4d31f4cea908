//! Work that memory cannot hold is refused in words, with the size that it needs: under a limit of the address space, as a
//! container has one, the process was aborted.

use std::process::{Command, Output};

use super::{Folder, Said};

/// The command under `ulimit -v` of 4 GB.
fn limited(folder: &Folder, options: &[&str]) -> Output {
    let shell = "ulimit -v 4000000 && exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell, "sh", env!("CARGO_BIN_EXE_layerloop")]).args(options);
    command.current_dir(folder.0.path()).output().expect("a shell")
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "other systems have no limit of the address space")]
fn a_network_that_memory_cannot_hold_is_refused_before_anything_is_built() {
    let folder = Folder::new();
    for (options, piece) in [
        ("--hidden 30000,30000", "error: memory: the training takes about"), // weights, moments, transposed weights
        ("--hidden 10000000", "error: memory: the training takes about"),
        ("--hidden 7000,7000 --optimizer lbfgs=40", "error: memory: the training takes about"), // what the optimiser keeps
        ("--hidden 1000000 --batch 1400", "error: memory: the training takes about"), // activations of a large batch
        (
            "--network 64->embedding(count=17,width=10000000)->maxout=64000000->10",
            "error: memory: the training takes about",
        ),
    ] {
        let typed: Vec<&str> = ["train", "digits", "--epochs", "1", "--no-save", "--quiet"]
            .into_iter()
            .chain(options.split(' '))
            .collect();
        let said = Said::new(limited(&folder, &typed));
        assert_eq!(said.code, 2, "{options}: {said:?}");
        assert!(
            said.err.starts_with(piece) && said.err.contains("GiB, more than the system gives this process"),
            "{options}: {said:?}"
        );
    }
    let said = Said::new(limited(&folder, &["train", "--epochs", "1", "--no-save", "--quiet", "--threads", "2"]));
    assert_eq!(said.code, 0, "what fits is trained: {said:?}");
}
