//! Whether there is memory for an allocation: checked first, since one that fails later ends the process.

use std::fs;
use std::path::Path;

use crate::{Error, Result};

/// Bytes that are allocated without a check.
const LITTLE: usize = 64 << 20;
/// What the allocator and the stacks of threads take of the address space beside.
const BESIDE: usize = 256 << 20;

/// Refuses `what` if it takes more bytes than this process can have; `less` says what takes less.
///
/// The bytes are reserved and freed again. That respects the limit of the address space (`ulimit -v`) and the system's own
/// rule. What the system would promise beyond the memory that is there, or that its control group may have, is refused too.
///
/// # Errors
/// [`Error::Config`] with the size that is needed.
///
/// # Example
/// ```
/// use layerloop::memory::check;
/// assert!(check("a page", 4096, "fewer words").is_ok());
/// let said = check("the library", 1 << 60, "fewer books").unwrap_err().to_string();
/// assert!(said.starts_with("memory: the library takes about 1073741824.0 GiB, "), "{said}");
/// ```
pub fn check(what: &str, bytes: usize, less: &str) -> Result<()> {
    if bytes <= LITTLE {
        return Ok(());
    }
    let refuse = |there: String| {
        let reason = format!("{what} takes about {}, {there}; {less} take less", in_words(bytes));
        Err(Error::config("memory", reason))
    };
    if Vec::<u8>::new().try_reserve_exact(bytes.saturating_add(BESIDE)).is_err() {
        return refuse("more than the system gives this process".into());
    }
    match available() {
        Some(there) if bytes > there => refuse(format!("and {} are available", in_words(there))),
        _ => Ok(()),
    }
}

/// Bytes of memory that are free or can be made free, at most those of the control group; none where the system does not say.
#[must_use]
pub fn available() -> Option<usize> {
    let of_machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| of_meminfo(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    of_machine.into_iter().chain(limits(&groups, Path::new("/sys/fs/cgroup"))).min()
}

/// `MemAvailable` and `SwapFree`.
fn of_meminfo(text: &str) -> Option<usize> {
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()
    };
    Some((kib("MemAvailable:")? + kib("SwapFree:").unwrap_or(0)).saturating_mul(1024))
}

/// The limits of the control groups in `groups`, the content of `/proc/self/cgroup`, and of those above them.
fn limits(groups: &str, root: &Path) -> Vec<usize> {
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        // Version 2 has one tree and no names of controllers.
        let (tree, file) = match controllers {
            "" => (root.to_path_buf(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        let group = tree.join(path.trim_start_matches('/'));
        let above = group.ancestors().take_while(|group| group.starts_with(&tree));
        let limit = |group: &Path| -> Option<usize> { fs::read_to_string(group.join(file)).ok()?.trim().parse().ok() };
        limits.extend(above.filter_map(limit));
    }
    limits
}

/// `21.4 GiB`
fn in_words(bytes: usize) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_refused_with_its_size() {
        assert!(check("a little", LITTLE, "").is_ok());
        for bytes in [1 << 50, usize::MAX / 2, usize::MAX] {
            let said = check("a network", bytes, "fewer units").unwrap_err().to_string();
            assert!(
                said.starts_with("memory: a network takes about ") && said.contains("GiB, more than the system"),
                "{said}"
            );
        }
    }

    #[test]
    fn the_limits_of_control_groups_are_found_in_both_versions_and_above() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/memory.max", "4096\n");
        write("a/b/memory.max", "max\n");
        assert_eq!(limits("0::/a/b\n", root.path()), [4096]);
        write("memory/memory.limit_in_bytes", "8192\n");
        write("memory/c/memory.limit_in_bytes", "1024\n");
        assert_eq!(limits("9:cpu,memory:/c\n8:pids:/c\n0::/\n", root.path()), [1024, 8192]);
        assert_eq!(limits("nothing\n", root.path()), [0; 0]);
        let text = "MemTotal: 9 kB\nMemAvailable:  3 kB\nSwapFree: 2 kB\n";
        assert_eq!(of_meminfo(text), Some(5 * 1024));
        assert_eq!((in_words(100 << 20), in_words(21 << 30)), ("100 MiB".into(), "21.0 GiB".into()));
    }
}
