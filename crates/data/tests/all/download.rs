//! Downloads from a server on loopback: whole, cut, wrong, absent.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::idx_files::{NAMES, gzip, labels, small_set};
use crate::server::{Reply, Server};
use layerloop_data::registry::{Defaults, Entry, File, Source};
use layerloop_data::{Loaded, load_cached};
use sha2::{Digest, Sha256};

/// The small set as if it were in the registry.
fn entry() -> Entry {
    let set = small_set();
    let file = |i: usize| {
        let hash: String = Sha256::digest(&set[i]).iter().map(|byte| format!("{byte:02x}")).collect();
        File { name: NAMES[i], bytes: set[i].len() as u64, sha256: hash.leak() }
    };
    let files = [0, 1, 2, 3].map(file);
    let source = Source::Idx { files, mirrors: &[] };
    Entry { name: "small", about: "", source, classes: &["a", "b", "c"], defaults: Defaults::IMAGES, fit: None }
}

/// The packed file of the small set that `path` asks for.
fn packed(path: &str) -> Vec<u8> {
    let at = NAMES.iter().position(|name| path == format!("/set/{name}.gz")).expect("one of the four");
    gzip(&small_set()[at])
}

fn honest() -> Server {
    Server::start(|path| Reply::Body(packed(path)))
}

fn fetch(folder: &Path, mirrors: &[&Server]) -> (Result<Loaded, String>, Vec<String>) {
    let mirrors: Vec<String> = mirrors.iter().map(|server| format!("{}/set/", server.address)).collect();
    let mut events = Vec::new();
    let loaded = load_cached(&entry(), folder, &mirrors, &mut |event| events.push(format!("{event:?}")));
    (loaded.map_err(|error| error.to_string()), events)
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is_whole(folder: &Path) -> bool {
    let mut expected = NAMES.map(|name| format!("{name}.gz"));
    expected.sort();
    listing(folder) == expected
}

/// What is said when the only mirror answers with `reply`, which must leave nothing behind.
fn refused(reply: impl Fn(&str) -> Reply + Send + 'static) -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(reply);
    let said = fetch(folder.path(), &[&server]).0.unwrap_err();
    assert_eq!(listing(folder.path()), [""; 0]);
    said.replace(&folder.path().display().to_string(), "DIR").replace(&server.address, "SERVER")
}

#[test]
fn files_are_fetched_once_and_then_found() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("not/there/yet");
    let server = honest();
    let (first, events) = fetch(&cache, &[&server]);
    let first = first.unwrap();
    assert_eq!((first.train.rows(), first.train.labels()), (4, &[2, 0, 1, 0][..]));
    assert_eq!((first.train.name(), first.test.name()), ("small", "small test"));
    assert_eq!(first.test.classes(), ["a", "b", "c"]);
    assert!(is_whole(&cache) && events.len() == 4, "{events:?}");
    let length = packed("/set/train-images-idx3-ubyte.gz").len();
    assert!(events[0].contains(&format!("bytes: {length}, total: Some({length})")), "{}", events[0]);
    let (second, events) = fetch(&cache, &[&server]);
    assert_eq!(second.unwrap().train, first.train);
    assert_eq!((events.len(), server.requests().len()), (0, 4));
}

#[test]
fn a_file_that_is_there_is_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(NAMES[0]), &small_set()[0]).unwrap();
    let server = honest();
    fetch(folder.path(), &[&server]).0.unwrap();
    assert_eq!(server.requests(), [1, 2, 3].map(|i| format!("/set/{}.gz", NAMES[i])));
}

#[test]
fn the_next_mirror_is_tried_after_every_kind_of_failure() {
    let count = AtomicUsize::new(0);
    let bad = Server::start(move |path| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::NotFound,
        1 => Reply::Cut(packed(path)),
        2 => Reply::Body(gzip(b"something else")),
        _ => Reply::Unsaid(packed(path)[..20].to_vec()),
    });
    let (folder, good) = (tempfile::tempdir().unwrap(), honest());
    let (loaded, events) = fetch(folder.path(), &[&bad, &good]);
    assert_eq!(loaded.unwrap().train.rows(), 4);
    assert!(is_whole(folder.path()));
    let failures: Vec<&String> = events.iter().filter(|event| event.starts_with("Failed")).collect();
    assert_eq!((failures.len(), bad.requests(), good.requests()), (4, good.requests(), bad.requests()));
    for (failure, reason) in failures.iter().zip(["404", "broke off after", "something else", "damaged gzip"]) {
        assert!(failure.contains(reason), "{failure}");
    }
}

#[test]
fn an_absent_file_is_said_with_all_that_can_be_done() {
    assert_eq!(
        refused(|_| Reply::NotFound),
        "DIR: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, \
         t10k-labels-idx1-ubyte.gz could not be downloaded: put them into this folder, or name the folder that has \
         them with --data-dir or in LAYERLOOP_DATA (SERVER/set/: HTTP status 404)"
    );
}

#[test]
fn a_cut_connection_leaves_nothing() {
    let said = refused(|path| Reply::Cut(packed(path)));
    let half = packed("/set/train-images-idx3-ubyte.gz").len() / 2;
    assert!(said.contains(&format!("(SERVER/set/: broke off after {half} bytes: ")), "{said}");
    let said = refused(|path| Reply::Unsaid(packed(path)[..30].to_vec()));
    assert!(said.contains("(SERVER/set/: sent something else: damaged gzip data after "), "{said}");
}

#[test]
fn wrong_bytes_leave_nothing() {
    let said = refused(|_| Reply::Body(gzip(b"wrong")));
    let (wrong, right) = (Sha256::digest(b"wrong"), Sha256::digest(&small_set()[0]));
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (wrong, right) = (hex(&wrong), hex(&right));
    assert!(said.contains(&format!("the SHA-256 of its unpacked bytes is {wrong}, expected {right}")), "{said}");
    let page = refused(|_| Reply::Body(b"<html>Please log in</html>".to_vec()));
    assert!(page.contains("sent something else: the SHA-256"), "{page}");
}

#[test]
fn an_endless_file_is_cut_off() {
    let said = refused(|_| Reply::Unsaid(vec![0; 10_000_000]));
    assert!(said.contains(&format!("sent more than {} bytes", small_set()[0].len() + 65536)), "{said}");
}

#[test]
fn what_is_complete_stays_when_a_later_file_fails() {
    let server = Server::start(|path| if path.contains("t10k") { Reply::NotFound } else { Reply::Body(packed(path)) });
    let folder = tempfile::tempdir().unwrap();
    let said = fetch(folder.path(), &[&server]).0.unwrap_err();
    assert!(said.contains(": t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz could not be"), "{said}");
    assert_eq!(listing(folder.path()), ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]);
}

#[test]
fn without_a_network_the_reason_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let gone = honest();
    let address = gone.address.clone();
    drop(gone);
    let said = load_cached(&entry(), folder.path(), &[address], &mut |_| {}).unwrap_err().to_string();
    assert!(said.contains("LAYERLOOP_DATA (http://127.0.0.1:") && said.to_lowercase().contains("refused"), "{said}");
    let said = load_cached(&entry(), folder.path(), &[], &mut |_| {}).unwrap_err().to_string();
    assert!(said.ends_with("(there is no mirror)"), "{said}");
}

#[test]
fn a_damaged_copy_is_fetched_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), honest());
    fetch(folder.path(), &[&server]).0.unwrap();
    let wrong = [gzip(&small_set()[1]), b"damaged".to_vec()].concat();
    std::fs::write(folder.path().join("train-labels-idx1-ubyte.gz"), wrong).unwrap();
    std::fs::write(folder.path().join("t10k-labels-idx1-ubyte.gz"), gzip(&labels(&[2, 1]))).unwrap();
    let (loaded, events) = fetch(folder.path(), &[&server]);
    assert_eq!(loaded.unwrap().test.labels(), [1, 2]);
    let damaged: Vec<&String> = events.iter().filter(|event| event.starts_with("Damaged")).collect();
    assert!(damaged[0].contains("damaged gzip data") && damaged[1].contains("SHA-256"), "{damaged:?}");
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn a_damaged_copy_that_cannot_be_replaced_stays_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fetch(folder.path(), &[&honest()]).0.unwrap();
    let path = folder.path().join("train-labels-idx1-ubyte.gz");
    std::fs::write(&path, b"damaged").unwrap();
    let server = Server::start(|_| Reply::NotFound);
    let said = fetch(folder.path(), &[&server]).0.unwrap_err();
    assert!(said.contains("train-labels-idx1-ubyte.gz could not be downloaded: "), "{said}");
    assert!(
        said.contains("; the copy that is there cannot be used: the magic number at byte 0 is 0x64616d61"),
        "{said}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let said = fetch(&file.path().join("cache"), &[&honest()]).0.unwrap_err();
    assert!(said.starts_with(&format!("{}/cache: ", file.path().display())), "{said}");
}

#[test]
fn a_redirect_is_followed() {
    let server = Server::start(|path| match path.strip_prefix("/set/old/") {
        Some(name) => Reply::Moved(format!("/set/{name}")),
        None => Reply::Body(packed(path)),
    });
    let folder = tempfile::tempdir().unwrap();
    let mirror = format!("{}/set/old", server.address);
    assert_eq!(load_cached(&entry(), folder.path(), &[mirror], &mut |_| {}).unwrap().test.rows(), 2);
    assert_eq!(server.requests().len(), 8);
}
