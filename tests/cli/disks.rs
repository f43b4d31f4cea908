//! Disks that are full, read-only or not there when a model is to be saved.
#![cfg(unix)]

use std::fs;
use std::process::Command;

use super::faults::{after, refuses, with_model};
use super::{Folder, Said, not_run};

/// Training of a model that takes 60 kB, to be saved as `path`.
fn large(path: &str) -> [&str; 8] {
    ["train", "--hidden", "200", "--epochs", "1", "--quiet", "--save", path]
}

#[test]
fn a_full_disk_is_named_and_leaves_the_earlier_model_and_nothing_else() {
    let (folder, good) = with_model();
    let quota = after(&folder, "ulimit -f 1; trap '' XFSZ", &large("m.safetensors"));
    refuses(&folder, quota, 1, &["m.safetensors: File too large"]);
    assert_eq!(fs::read(folder.path("m.safetensors")).unwrap(), good);
    assert_eq!(folder.files(), ["m.safetensors"]);

    // A real full disk, where this user may mount one; it is gone with its shell.
    fs::create_dir(folder.path("disk")).unwrap();
    let script = "mount -t tmpfs -o size=16k tmpfs disk && cp m.safetensors disk || exit 90; \"$0\" \"$@\"; code=$?; \
                  cmp m.safetensors disk/m.safetensors && test \"$(ls -A disk)\" = m.safetensors || exit 91; exit $code";
    match mounted(&folder, script, &large("disk/m.safetensors")) {
        Some(said) => assert!(said.refusal(1).contains("disk/m.safetensors: No space left on device"), "{said:?}"),
        None => not_run("the real disk of a_full_disk_is_named_and_leaves_the_earlier_model_and_nothing_else", MOUNTS),
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_the_training() {
    let (folder, _) = with_model();
    fs::create_dir(folder.path("folder")).unwrap();
    let cases = [
        ("/sys/m.safetensors", "/sys/m.safetensors: "),
        ("/proc/m.safetensors", "/proc/m.safetensors: "),
        ("missing/m.safetensors", "missing/m.safetensors: No such file or directory"),
        ("folder", "folder: is a directory"),
        ("m.safetensors/m.safetensors", "m.safetensors/m.safetensors: Not a directory"),
    ];
    for (path, sentence) in cases {
        // Nothing on stdout: what will be trained is not even introduced.
        refuses(&folder, folder.command(&["train", "--epochs", "1", "--save", path]), 1, &[sentence]);
    }
    let script = "mount -t tmpfs -o ro tmpfs folder || exit 90; exec \"$0\" \"$@\"";
    match mounted(&folder, script, &large("folder/m.safetensors")) {
        Some(said) => assert!(said.refusal(1).contains("folder/m.safetensors: Read-only file system"), "{said:?}"),
        None => not_run("the read-only disk of a_place_that_cannot_be_written_is_refused_before_the_training", MOUNTS),
    }
}

#[test]
fn a_folder_without_write_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let (folder, _) = with_model();
    let set = |name: &str, mode| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(folder.path("folder")).unwrap();
    set("folder", 0o555);
    let mut command = folder.command(&large("folder/m.safetensors"));
    if fs::write(folder.path("folder/probe"), "").is_ok() {
        // Root may write everywhere: another user tries, with a copy of the binary.
        fs::remove_file(folder.path("folder/probe")).unwrap();
        fs::copy(command.get_program(), folder.path("layerloop")).unwrap();
        set(".", 0o755);
        command = Command::new(folder.path("layerloop"));
        command.args(large("folder/m.safetensors")).current_dir(folder.0.path()).uid(65534).gid(65534);
    }
    refuses(&folder, command, 1, &["folder/m.safetensors: Permission denied"]);
}

#[test]
fn what_is_not_a_regular_file_is_never_replaced_by_a_model() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = Folder::new();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    let said = folder.run(&["train", "--epochs", "1", "--save", "socket"]);
    assert!(fs::symlink_metadata(folder.path("socket")).unwrap().file_type().is_socket(), "{said:?}");
    assert!(said.refusal(1).starts_with("error: socket: ") && said.out.is_empty(), "{said:?}");
}

/// The command under a shell script with mounts of its own; nothing where the script says with 90 that it may not.
fn mounted(folder: &Folder, script: &str, args: &[&str]) -> Option<Said> {
    // Root may mount by itself; another user as root of a space of users, which a chroot does not have.
    [&["--mount"][..], &["--map-root-user", "--mount"]].into_iter().find_map(|space| {
        let mut command = Command::new("unshare");
        command.args(space).args(["sh", "-c", script]).arg(folder.command(&[]).get_program()).args(args);
        let said = Said::new(command.current_dir(folder.0.path()).output().ok()?);
        let refused = said.code == 90 || said.err.starts_with("unshare: ");
        (!refused).then_some(said)
    })
}

/// What the parts of tests need that [`mounted`] refuses.
const MOUNTS: &str = "the right to mount a disk";

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_run_costs_a_checkpoint_and_nothing_else() {
    let folder = Folder::new();
    fs::create_dir(folder.path("disk")).unwrap();
    let train = ["train", "--hidden", "512", "--epochs", "40", "--json", "--run", "disk/r", "--keep", "9"];
    let elsewhere = ["--save", "m.safetensors", "--report", "r.html"];
    // A checkpoint takes half a megabyte, so that this disk has room for some of them; then there is room again.
    let script = "mount -t tmpfs -o size=3m tmpfs disk && head -c 1500k /dev/zero > disk/filler || exit 90; \
                  \"$0\" \"$@\" || exit 91; ls disk/r/checkpoints > kept; rm disk/filler; \
                  \"$0\" train --resume disk/r --json --save again.safetensors --report again.html || exit 92";
    let Some(said) = mounted(&folder, script, &[&train[..], &elsewhere].concat()) else {
        return not_run("a_disk_that_is_full_in_the_middle_of_a_run_costs_a_checkpoint_and_nothing_else", MOUNTS);
    };
    assert_eq!(said.code, 0, "{said:?}");
    let full = "No space left on device (os error 28); no checkpoint this time, the run goes on";
    assert!(said.err.contains(full), "{said:?}");
    assert!(!said.err.contains("going back"), "every checkpoint is whole: {said:?}");
    let kept = fs::read_to_string(folder.path("kept")).unwrap();
    assert!((1..=3).contains(&kept.lines().count()) && kept.contains("step-"), "{kept}");
    let done: Vec<serde_json::Value> = said.json().into_iter().filter(|object| object["event"] == "done").collect();
    let whole = folder.run(&["train", "--hidden", "512", "--epochs", "40", "--json", "--no-save"]).well().last();
    assert_eq!(done.len(), 2);
    assert!(done.iter().all(|done| done["weights_sha256"] == whole["weights_sha256"]), "{done:?}");
}
