//! Pictures in folders: their numbers, their classes, and the errors of other files.
#![cfg(feature = "images")]

use std::fs;
use std::path::Path;

use crate::common::folder;
use image::{GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use shapewright::data::images::{self, Images, Size};
use shapewright::data::{ReadErrorKind, ReadErrors};
use shapewright::prelude::*;

/// Returns a picture of three rows and two columns, with 60 times the row as red and the column as
/// green.
fn colours() -> RgbImage {
    RgbImage::from_fn(2, 3, |x, y| Rgb([60 * y as u8, x as u8, 7]))
}

/// Writes two classes: a picture in colours, and two grey ones.
fn write_two_classes(folder: &Path) {
    fs::create_dir(folder.join("b class"))
        .and_then(|()| fs::create_dir(folder.join("a")))
        .expect("folders");
    colours()
        .save(folder.join("b class/x.png"))
        .expect("a picture");
    GrayImage::from_pixel(2, 3, image::Luma([51]))
        .save(folder.join("a/2.PNG"))
        .expect("a picture");
    GrayImage::from_pixel(2, 3, image::Luma([102]))
        .save(folder.join("a/10.png"))
        .expect("a picture");
}

fn two_classes(folder: &Path, size: Size) -> Result<Images<3, 2, 3, 2>, ReadErrors> {
    Images::read(folder, size)
}

#[test]
fn folders_are_classes_in_the_order_of_their_names() {
    let folder = folder("images-classes");
    write_two_classes(&folder);

    // These files do not count.
    fs::write(folder.join("README.txt"), "about").expect("a file");
    fs::write(folder.join("a/.hidden"), "").expect("a file");
    fs::create_dir(folder.join(".git")).expect("a folder");

    let read = two_classes(&folder, Size::Exact).expect("pictures");
    assert_eq!(read.classes, ["a", "b class"]);
    assert_eq!(
        read.labels
            .iter()
            .map(|label| label.index())
            .collect::<Vec<_>>(),
        [0, 0, 1]
    );
    assert_eq!(
        read.paths,
        ["a/10.png", "a/2.PNG", "b class/x.png"].map(|path| folder.join(path))
    );

    assert_eq!(
        (read.images[0], read.images[1]),
        (Tensor::full(0.4), Tensor::full(0.2))
    );
    let expected =
        Tensor3::from_fn(|[row, column, channel]| [60 * row, column, 7][channel] as f32 / 255.0);
    assert_eq!(read.images[2], expected);
}

#[test]
fn channels_and_number_types_are_those_of_the_tensor() {
    let folder = folder("images-channels");
    let path = folder.join("x.png");
    colours().save(&path).expect("a picture");
    let bytes: Box<Tensor3<3, 2, 3, u8>> = images::read(&path, Size::Exact).expect("a picture");
    assert_eq!(bytes.as_slice(), colours().as_raw().as_slice());
    RgbaImage::from_pixel(1, 1, Rgba([255, 0, 0, 3]))
        .save(&path)
        .expect("a picture");
    let grey: Box<Tensor3<1, 1, 1, u8>> = images::read(&path, Size::Exact).expect("a picture");
    assert_eq!(grey[[0, 0, 0]], (0.2126f64 * 255.0) as u8);
    let colours: Box<Tensor3<1, 1, 3, f64>> = images::read(&path, Size::Exact).expect("a picture");
    assert_eq!(colours.as_slice(), [1.0, 0.0, 0.0]);
}

#[test]
fn other_sizes_are_stretched_or_refused() {
    let folder = folder("images-sizes");
    write_two_classes(&folder);
    let path = folder.join("a/wide.jpg");
    RgbImage::from_fn(8, 3, |x, _| Rgb([if x < 4 { 0 } else { 200 }; 3]))
        .save(&path)
        .expect("a picture");

    let error = two_classes(&folder, Size::Exact).expect_err("one is wide");
    assert_eq!(
        (error.errors.len(), error.errors[0].kind),
        (1, ReadErrorKind::Shape)
    );
    let text = format!(
        "{}: expected a height of 3 and a width of 2, but found 3 and 8; bring all pictures to one size, or read them \
         with `Size::Resize`",
        path.display()
    );
    assert_eq!(error.to_string(), text);

    let wide = two_classes(&folder, Size::Resize).expect("pictures").images[2];
    assert!(wide[[1, 0, 0]] < 0.2 && wide[[1, 1, 0]] > 0.6, "{wide:?}");
}

#[test]
fn files_that_are_no_pictures_are_all_named() {
    let folder = folder("images-broken");
    write_two_classes(&folder);
    let whole = fs::read(folder.join("b class/x.png")).expect("a picture");
    fs::write(folder.join("a/cut.png"), &whole[..whole.len() / 2]).expect("a file");
    fs::write(folder.join("a/empty.jpeg"), "").expect("a file");
    fs::write(folder.join("a/notes.txt"), "notes").expect("a file");
    fs::create_dir(folder.join("b class/more.png")).expect("a folder");

    let error = two_classes(&folder, Size::Resize).expect_err("broken ones");
    let names: Vec<_> = error
        .errors
        .iter()
        .map(|error| error.path.strip_prefix(&folder).expect("inside"))
        .collect();
    assert_eq!(
        names,
        [
            "a/cut.png",
            "a/empty.jpeg",
            "a/notes.txt",
            "b class/more.png"
        ]
        .map(Path::new)
    );

    assert!(
        error
            .errors
            .iter()
            .all(|error| error.kind == ReadErrorKind::Format)
            && !error.more,
        "{error}"
    );

    let text = format!(
        "{}: expected a PNG or JPEG file, but found a name that ends in \"txt\"; move it to another place, or convert it",
        folder.join("a/notes.txt").display()
    );
    assert_eq!(error.to_string().lines().nth(2), Some(&*text));
    assert_eq!(&*error.errors[3].found, "a folder");

    for i in 0..30 {
        fs::write(folder.join(format!("a/{i}.png")), "no picture").expect("a file");
    }
    let error = two_classes(&folder, Size::Resize).expect_err("broken ones");
    assert_eq!((error.errors.len(), error.more), (20, true));
}

#[test]
fn another_number_of_classes_is_refused() {
    let folder = folder("images-folders");
    write_two_classes(&folder);
    let error = Images::<3, 2, 3, 3>::read(&folder, Size::Exact).expect_err("two folders");
    assert_eq!(
        (error.errors[0].kind, &*error.errors[0].found),
        (ReadErrorKind::Shape, "2: \"a\", \"b class\"")
    );
    let error = two_classes(&folder.join("a"), Size::Exact).expect_err("no folders");
    assert_eq!(&*error.errors[0].found, "none");
    fs::create_dir(folder.join("empty")).expect("a folder");
    fs::write(folder.join("empty/.hidden"), "").expect("a file");
    let error = Images::<3, 2, 3, 3>::read(&folder, Size::Exact).expect_err("an empty folder");
    assert!(
        error.to_string().ends_with(
            "empty: expected pictures of a class, but found none; put some into the folder, or \
             remove it and change the number of classes"
        ),
        "{error}"
    );
    let error = two_classes(&folder.join("none"), Size::Exact).expect_err("no folder");
    assert_eq!(error.errors[0].kind, ReadErrorKind::Io);
    let error =
        images::read::<1, 1, 1, f32>(folder.join("none.png"), Size::Exact).expect_err("no file");
    assert_eq!(error.kind, ReadErrorKind::Io);
}

/// Also one of which only the last checksum is missing, which the decoder does not read.
#[test]
fn a_png_that_was_cut_is_refused() {
    let path = folder("images-cut-png").join("x.png");
    colours().save(&path).expect("a picture");
    let whole = fs::read(&path).expect("a picture");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        images::read::<3, 2, 3, u8>(&path, Size::Exact)
    };

    let image = read(&whole).expect("a picture");
    let longer = [&whole, &b"more"[..]].concat();
    assert_eq!(read(&longer).expect("what follows does not count"), image);

    let text = "expected a PNG or JPEG file, but found a PNG that ends before the end of its last chunk; copy or \
                download the file again, or leave it out";
    for cut in 1..=24 {
        let error = read(&whole[..whole.len() - cut]).expect_err("a cut picture");
        assert_eq!(
            (error.kind, error.to_string()),
            (ReadErrorKind::Format, format!("{}: {text}", path.display())),
            "{cut} bytes"
        );
    }

    let mut wrong = whole.clone();
    *wrong.last_mut().expect("a byte") ^= 1;
    assert!(read(&wrong).is_err());
}

#[test]
fn pictures_are_read_under_a_wrong_extension() {
    let path = folder("images-ends").join("really-a-png.jpg");
    colours()
        .save_with_format(&path, ImageFormat::Png)
        .expect("a picture");
    assert!(images::read::<3, 2, 3, u8>(&path, Size::Exact).is_ok());
}

#[test]
fn a_jpeg_that_was_cut_is_refused() {
    let path = folder("images-cut").join("x.jpg");
    let picture = RgbImage::from_fn(40, 30, |x, y| {
        Rgb([6 * x as u8, 8 * y as u8, (x * y) as u8])
    });
    picture.save(&path).expect("a picture");
    let whole = fs::read(&path).expect("a picture");

    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        images::read::<30, 40, 3, u8>(&path, Size::Exact)
    };

    // A preview is a whole JPEG in a segment of the file. Its end is not the end of the file.
    let length = (2 + whole.len() as u16).to_be_bytes();
    let preview = [&whole[..2], &[0xff, 0xe1], &length, &whole, &whole[2..]].concat();

    for whole in [&whole, &preview] {
        let image = read(whole).expect("a picture");
        assert_eq!(
            read(&[whole, &b"more"[..]].concat()).expect("what follows does not count"),
            image
        );

        for cut in [1, 2, 10, 100, 300] {
            let error = read(&whole[..whole.len() - cut]).expect_err("a cut picture");
            let text = "expected a PNG or JPEG file, but found a JPEG that ends before its end-of-image marker; copy or download \
                        the file again, or leave it out";
            assert_eq!(
                (error.kind, error.to_string()),
                (ReadErrorKind::Format, format!("{}: {text}", path.display()))
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused_without_waiting() {
    let folder = folder("images-pipes");
    write_two_classes(&folder);
    let pipe = folder.join("a/pipe.png");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    // Links count as their targets: a picture, a device, nothing.
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, folder.join(name)).expect("a link");
    };
    link(&folder.join("a/10.png"), "a/link.png");
    link(Path::new("/dev/zero"), "a/zero.png");
    link(&folder.join("nothing"), "a/nowhere.png");
    link(&pipe, "b class/pipe.jpg");

    let (send, receive) = std::sync::mpsc::channel();
    let from = folder.clone();
    std::thread::spawn(move || send.send(two_classes(&from, Size::Exact)));
    let read = receive.recv_timeout(std::time::Duration::from_secs(60));
    let errors = read.expect("no wait for a writer").expect_err("pipes");

    let found: Vec<_> = errors
        .errors
        .iter()
        .map(|error| (error.path.clone(), error.kind, &*error.found))
        .collect();
    let other = "a pipe, a socket or a device";
    let nothing = &*errors.errors[0].found;
    assert_eq!(
        found,
        [
            ("a/nowhere.png", ReadErrorKind::Io, nothing),
            ("a/pipe.png", ReadErrorKind::Format, other),
            ("a/zero.png", ReadErrorKind::Format, other),
            ("b class/pipe.jpg", ReadErrorKind::Format, other),
        ]
        .map(|(name, kind, found)| (folder.join(name), kind, found))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_are_read_or_refused(
        jpeg in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let path = std::env::temp_dir().join(format!("shapewright-changed-{}.png", std::process::id()));
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        colours().save_with_format(&path, format).expect("a picture");
        let mut bytes = fs::read(&path).expect("a picture");
        changes.iter().for_each(|(at, to)| { let at = at.index(bytes.len()); bytes[at] = *to; });
        bytes.truncate(cut.index(2 * bytes.len()));
        fs::write(&path, &bytes).expect("a file");
        let read = images::read::<3, 2, 1, f32>(&path, Size::Resize);
        fs::remove_file(&path).expect("the file");
        prop_assert!(read.map_or_else(|error| error.kind == ReadErrorKind::Format, |image| image.min() >= 0.0 && image.max() <= 1.0));
    }
}
