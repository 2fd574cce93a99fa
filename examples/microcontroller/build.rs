//! Tells the linker the memory of the microcontroller that each program is for.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }

    let folder = env!("CARGO_MANIFEST_DIR");
    for (program, memory) in [("digit", "small"), ("speech", "large"), ("story", "large")] {
        for script in [memory, "link"] {
            println!("cargo::rerun-if-changed={script}.ld");
            println!("cargo::rustc-link-arg-bin={program}=-T{folder}/{script}.ld");
        }
    }
}
