//! Images from disk.
//!
//! | file | what it does |
//! |---|---|
//! | `detect` | recognizes the kind of data at a path; the only place that decides this |
//! | `files` | named files, in a folder (`folder`) or in an archive (`archive`) |
//! | `entry`, `stored` | the names in a listing; the bytes of a file |
//! | `decompress` | gzip, xz, bzip2, Zstandard |
//! | `arrays`, `format` | files of arrays: reads them piece by piece |
//! | `records` | what the files of arrays consist of |
//! | `idx`, `cifar` (`numpy_array`), `npy` (`npy_…`, `keys`) | a format of arrays each |
//! | `spelling` | names in their spellings |
//! | `unsupported` | what to do with other data |
//! | `layout`, `class_files` | what the folders of image files mean; classes in files beside them |
//! | `image_files`, `decode`, `jpeg`, `resize` | image files: all of them, one of them, a JPEG, and fitted to one size |
//! | `decode_error` | why an image file cannot be decoded |
//! | `data_set` | the images to train on and those to hold out |
//! | `read_options`, `load_report` | how to read a data set; what was found |
//! | `error` | why data cannot be used |
//! | `pixels` | pixels in memory or in a mapped file |
//! | `budget` | memory that threads share |
//! | `built_in` | published data sets, downloaded once |
//! | `images`, `distances` | the images of a data set, and their distances |

mod archive;
mod arrays;
mod budget;
pub mod built_in;
mod cifar;
mod class_files;
mod data_set;
mod decode;
mod decode_error;
mod decompress;
mod detect;
pub mod distances;
mod entry;
mod error;
mod files;
mod folder;
mod format;
mod idx;
mod image_files;
mod images;
mod jpeg;
mod keys;
mod layout;
mod load_report;
mod npy;
mod npy_header;
mod npy_labels;
mod npy_values;
mod numpy_array;
mod pixels;
mod read_options;
mod records;
mod resize;
mod spelling;
mod stored;
mod unsupported;

pub use data_set::DataSet;
pub use decode::upright;
pub use error::DataError;
pub use images::Images;
pub use load_report::LoadReport;
pub use pixels::Pixels;
pub use read_options::{ReadOptions, Size};
pub use resize::fit;
pub(crate) use spelling::{is_hidden, is_image_name, whole};
