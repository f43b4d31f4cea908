//! Tensors of a file: their claims are checked against the bytes that are there before anything is allocated.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use crate::onnx::proto::{TensorProto, element};

/// A tensor that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub(super) dims: Vec<usize>,
    pub(super) data: Data,
}

/// Its elements, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl Data {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Ints(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// As f32; nothing where they are texts.
    pub(super) fn floats(self) -> Option<Vec<f32>> {
        match self {
            Self::Floats(values) => Some(values),
            Self::Doubles(values) => Some(values.into_iter().map(|x| x as f32).collect()),
            Self::Ints(values) => Some(values.into_iter().map(|x| x as f32).collect()),
            Self::Texts(_) => None,
        }
    }

    /// As f64; nothing where they are texts.
    pub(super) fn doubles(&self) -> Option<Vec<f64>> {
        match self {
            Self::Floats(values) => Some(values.iter().map(|&x| x.into()).collect()),
            Self::Doubles(values) => Some(values.clone()),
            Self::Ints(values) => Some(values.iter().map(|&x| x as f64).collect()),
            Self::Texts(_) => None,
        }
    }

    /// As text: the names of classes.
    pub(super) fn texts(&self) -> Vec<String> {
        match self {
            Self::Floats(values) => values.iter().map(f32::to_string).collect(),
            Self::Doubles(values) => values.iter().map(f64::to_string).collect(),
            Self::Ints(values) => values.iter().map(i64::to_string).collect(),
            Self::Texts(values) => values.clone(),
        }
    }
}

impl Constant {
    pub(super) fn new(dims: Vec<usize>, data: Data) -> Self {
        Self { dims, data }
    }

    /// Its only value.
    pub(super) fn scalar(&self) -> Option<f64> {
        if self.data.len() == 1 { self.data.doubles()?.first().copied() } else { None }
    }

    /// Whole numbers: axes, shapes.
    pub(super) fn ints(&self) -> Option<Vec<i64>> {
        if let Data::Ints(values) = &self.data { Some(values.clone()) } else { None }
    }

    /// A value for each of `width` columns, or one for all of them.
    pub(super) fn by_column(&self, width: usize) -> Option<Vec<f64>> {
        let leading = self.dims.split_last().is_none_or(|(_, others)| others.iter().all(|&dim| dim == 1));
        let values = self.data.doubles().filter(|_| leading)?;
        match values.len() {
            1 => Some(vec![values[0]; width]),
            n if n == width => Some(values),
            _ => None,
        }
    }

    /// With rows and columns exchanged.
    pub(super) fn transposed(&self) -> Option<Self> {
        let [rows, columns] = self.dims[..] else { return None };
        let from = |i: usize| (i % rows.max(1)) * columns + i / rows.max(1);
        let data = match &self.data {
            Data::Floats(values) => Data::Floats((0..values.len()).map(|i| values[from(i)]).collect()),
            Data::Doubles(values) => Data::Doubles((0..values.len()).map(|i| values[from(i)]).collect()),
            _ => return None,
        };
        Some(Self::new(vec![columns, rows], data))
    }
}

/// Where tensors outside of the file are.
#[derive(Debug)]
pub(super) struct Constants {
    folder: Option<PathBuf>,
}

impl Constants {
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_path_buf) }
    }

    /// A tensor of the file, or beside it.
    pub(super) fn read(&self, proto: &TensorProto) -> Result<Constant, String> {
        let name = proto.name();
        let dims: Option<Vec<usize>> = proto.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let dims = dims.ok_or_else(|| format!("tensor `{name}` has the shape {:?}", proto.dims))?;
        let count = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let count = count.ok_or_else(|| format!("tensor `{name}` has the shape {dims:?}, more than can be counted"))?;
        let kind = proto.data_type();
        let data = if proto.data_location() == 1 {
            of_bytes(kind, &self.outside(proto, kind, count)?)
        } else if let Some(raw) = &proto.raw_data {
            of_bytes(kind, raw)
        } else {
            of_fields(proto, kind)
        };
        let data =
            data.ok_or_else(|| format!("tensor `{name}` has elements of type {kind}, which is not supported"))?;
        if data.len() != count {
            return Err(format!("tensor `{name}` has {} elements for the shape {dims:?}", data.len()));
        }
        Ok(Constant::new(dims, data))
    }

    /// The bytes of a tensor that is in another file of the same folder.
    fn outside(&self, proto: &TensorProto, kind: i32, count: usize) -> Result<Vec<u8>, String> {
        let name = proto.name();
        let entry = |key: &str| proto.external_data.iter().find(|entry| entry.key() == key).map(|entry| entry.value());
        let location = entry("location").ok_or_else(|| format!("tensor `{name}` is in a file that is not named"))?;
        let refuse = |reason: &str| format!("tensor `{name}` is in `{location}`, {reason}");
        let folder = self.folder.as_ref().ok_or_else(|| refuse("but only bytes of one file were given"))?;
        let mut parts = Path::new(location).components();
        let (Some(Component::Normal(file)), None) = (parts.next(), parts.next()) else {
            return Err(refuse("which is not in the folder of the ONNX file; tensors are read from there only"));
        };
        let path = folder.join(file);
        let about = fs::symlink_metadata(&path).map_err(|e| refuse(&format!("which cannot be read: {e}")))?;
        if !about.is_file() {
            return Err(refuse("which is not a regular file"));
        }
        let number = |key: &str, default: u64| entry(key).map_or(Ok(default), str::parse);
        let offset = number("offset", 0).map_err(|_| refuse("at an offset that is not a number"))?;
        let size = match kind {
            element::DOUBLE | element::INT64 => 8,
            element::FLOAT | element::INT32 => 4,
            element::BOOL => 1,
            _ => return Err(refuse(&format!("with elements of type {kind}, which is not supported"))),
        };
        let length = (count as u64).checked_mul(size).ok_or_else(|| refuse("and longer than any file"))?;
        let said = number("length", length).map_err(|_| refuse("with a length that is not a number"))?;
        let end = offset.checked_add(length);
        if said != length || end.is_none_or(|end| end > about.len()) {
            let reason =
                format!("{said} bytes from byte {offset} on; it needs {length} and the file has {}", about.len());
            return Err(refuse(&reason));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| refuse("too long for this machine"))?];
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut bytes)
        });
        read.map_err(|e| refuse(&format!("which cannot be read: {e}")))?;
        Ok(bytes)
    }
}

fn of_bytes(kind: i32, bytes: &[u8]) -> Option<Data> {
    let (fours, eights) = (bytes.as_chunks::<4>().0, bytes.as_chunks::<8>().0);
    Some(match kind {
        element::FLOAT => Data::Floats(fours.iter().map(|&b| f32::from_le_bytes(b)).collect()),
        element::INT32 => Data::Ints(fours.iter().map(|&b| i32::from_le_bytes(b).into()).collect()),
        element::DOUBLE => Data::Doubles(eights.iter().map(|&b| f64::from_le_bytes(b)).collect()),
        element::INT64 => Data::Ints(eights.iter().map(|&b| i64::from_le_bytes(b)).collect()),
        element::BOOL => Data::Ints(bytes.iter().map(|&b| b.into()).collect()),
        _ => return None,
    })
}

fn of_fields(proto: &TensorProto, kind: i32) -> Option<Data> {
    Some(match kind {
        element::FLOAT => Data::Floats(proto.float_data.clone()),
        element::DOUBLE => Data::Doubles(proto.double_data.clone()),
        element::INT32 | element::BOOL => Data::Ints(proto.int32_data.iter().map(|&x| x.into()).collect()),
        element::INT64 => Data::Ints(proto.int64_data.clone()),
        element::STRING => {
            let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
            Data::Texts(proto.string_data.iter().map(text).collect())
        }
        _ => return None,
    })
}
