//! Silero VAD 6.2: its network over frames of sound at 16 kHz.

use shapewright::prelude::*;

/// The number of samples of a frame, 32 ms.
pub const FRAME: usize = 512;
/// The sampling rate, in Hz.
pub const RATE: u32 = 16_000;
/// The number of frames of a block.
pub const FRAMES: usize = 16;

network! {
    /// Frames of samples from -1 to 1 to the probabilities of speech in them.
    ///
    /// Time is the first axis everywhere. What is done inside a frame is done along the second: its
    /// samples are transformed in 4 windows (a short-time Fourier transform, as a convolution with
    /// sines and cosines), and convolutions make one vector of features of them.
    #[stream]
    pub struct Vad: [FRAMES, FRAME] -> [FRAMES, 1] {
        // The frame with the last samples of the one before it, mirrored at its end.
        Overlap<64>,
        Reshape<_, 576, 1>,
        ReflectionPad2d<(0, 64, 0, 0)>,

        stft: Conv2d<_, 258, (1, 256), Stride<1, 128>, NoBias>,
        Magnitude,

        encoder0: Conv2d<_, 128, (1, 3), Pad<0, 1>>, Relu,
        encoder1: Conv2d<_, 64, (1, 3), Stride<1, 2>, Pad<0, 1>>, Relu,
        encoder2: Conv2d<_, 64, (1, 3), Stride<1, 2>, Pad<0, 1>>, Relu,
        encoder3: Conv2d<_, 128, (1, 3), Pad<0, 1>>, Relu,
        Reshape<_, 128>,

        lstm: Lstm<_, 128>,
        Relu,
        out: Linear<_, 1>,
        Sigmoid,
    }
}
