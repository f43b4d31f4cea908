//! Work that memory cannot hold is refused in words, with the size that it needs: under a limit of the address space, as a
//! container has one, the process was aborted.

use std::fs::File;
use std::io::Write as _;
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
        ("--hidden 7000,7000 --optimizer lbfgs=40 --epochs 40", "error: memory: the training takes about"), // what the optimiser keeps
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
    // 5 GB of zeros, which take no room on the disk.
    let data = folder.path("large");
    std::fs::create_dir(&data).expect("a new folder");
    for part in ["train", "t10k"] {
        let mut images = File::create(data.join(format!("{part}-images-idx3-ubyte"))).expect("a file");
        images.write_all(&[0x803_u32, 5000, 1000, 1000].map(u32::to_be_bytes).concat()).expect("a header");
        images.set_len(16 + 5_000_000_000).expect("a large file");
        let labels = [[0x801_u32, 5000].map(u32::to_be_bytes).concat(), vec![0; 5000]].concat();
        std::fs::write(data.join(format!("{part}-labels-idx1-ubyte")), labels).expect("a file");
    }
    let said = Said::new(limited(&folder, &["train", "large", "--no-save", "--quiet"]));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("train-images-idx3-ubyte takes about 4.7 GiB, more than the system gives"), "{said:?}");
    let said = Said::new(limited(&folder, &["train", "--epochs", "1", "--no-save", "--quiet", "--threads", "2"]));
    assert_eq!(said.code, 0, "what fits is trained: {said:?}");
}
