use shapewright_onnx::{Network, Options};
fn main() {
    let root = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    let mut paths = Vec::new();
    for group in std::fs::read_dir(&root).unwrap().flatten() {
        if let Ok(cases) = std::fs::read_dir(group.path()) {
            for case in cases.flatten() {
                let p = case.path();
                if p.join("model.onnx").exists() {
                    paths.push(p.join("model.onnx"));
                } else if p.extension().is_some_and(|e| e == "onnx") {
                    paths.push(p);
                }
            }
        }
    }
    paths.sort();
    for p in paths {
        let bytes = std::fs::read(&p).unwrap();
        let r = Network::read(&bytes, None, &Options::new());
        println!(
            "{}\t{}",
            p.strip_prefix(&root).unwrap().display(),
            match r {
                Ok(n) => format!("ok {}", n.layers()),
                Err(e) => e.to_string(),
            }
        );
    }
}
