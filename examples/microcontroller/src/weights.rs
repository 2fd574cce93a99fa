//! Writes the weights of the other programs in the form that they are included in, to the folder in
//! the argument.

#[allow(dead_code)]
#[path = "../../story/model.rs"]
mod story;
#[allow(dead_code)]
#[path = "../../vad/model.rs"]
mod vad;

use std::error::Error;
use std::path::PathBuf;

use shapewright::prelude::*;

const VAD: &[u8] = include_bytes!("../../data/silero_vad/silero_vad_16k.safetensors");
const STORIES: &[u8] = include_bytes!("../../data/stories260k/stories260K.bin");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("argument: a folder")?);
    vad::weights(VAD)?.save(folder.join("vad.safetensors"))?;
    story::weights(STORIES)?.save(folder.join("stories.safetensors"))?;
    Ok(())
}
