//! Bytes as a file of this process, in memory where the system has a folder for that.

use std::fs;
use std::path::{Path, PathBuf};

/// The path of the file `name`, which holds `bytes` now.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = base.join(format!("layerloop-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("written");
    path
}
