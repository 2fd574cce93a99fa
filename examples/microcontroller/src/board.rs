//! A Cortex-M4 without an operating system: start, output, figures.
//!
//! Output goes through semihosting: a debugger, or QEMU, carries out the request of a breakpoint
//! instruction.

#![allow(dead_code)]

use core::arch::{asm, naked_asm};
use core::panic::PanicInfo;
use core::ptr;

unsafe extern "C" {
    // Addresses that the linker script defines.
    static data_start: u32;
    static bss_end: u32;
    static flash_end: u32;
    static stack_top: u32;
}

/// The beginning of the table that the processor reads at address 0: the first stack pointer and
/// the first instruction. An exception before there is a handler for it would stop the processor.
#[repr(C)]
struct Vectors {
    stack: *const u32,
    reset: extern "C" fn() -> !,
    faults: [extern "C" fn() -> !; 14],
}

// SAFETY: nothing writes to the table.
unsafe impl Sync for Vectors {}

#[used]
#[unsafe(link_section = ".vectors")]
static VECTORS: Vectors = Vectors {
    stack: &raw const stack_top,
    reset,
    faults: [fault; 14],
};

/// The value of memory that the stack has not used yet.
const UNUSED: u32 = 0xa5a5_a5a5;

/// The first instructions: switches the floating-point unit on, sets the variables to their initial
/// values and the stack's memory to [`UNUSED`], and calls `start`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn reset() -> ! {
    naked_asm!(
        "ldr r0, =0xe000ed88", // CPACR: full access to coprocessors 10 and 11
        "ldr r1, [r0]",
        "orr r1, r1, #0xf00000",
        "str r1, [r0]",
        "dsb",
        "isb",
        // .data
        "ldr r0, =data_start",
        "ldr r1, =data_end",
        "ldr r2, =data_in_flash",
        "2: cmp r0, r1",
        "itt lo",
        "ldrlo r3, [r2], #4",
        "strlo r3, [r0], #4",
        "blo 2b",
        // .bss
        "ldr r0, =bss_start",
        "ldr r1, =bss_end",
        "movs r3, #0",
        "3: cmp r0, r1",
        "it lo",
        "strlo r3, [r0], #4",
        "blo 3b",
        // the stack
        "ldr r1, =stack_top",
        "ldr r3, ={unused}",
        "4: cmp r0, r1",
        "it lo",
        "strlo r3, [r0], #4",
        "blo 4b",
        "bl {start}",
        "udf #0",
        unused = const UNUSED,
        start = sym start,
    )
}

extern "C" fn start() -> ! {
    crate::main();
    exit(true)
}

extern "C" fn fault() -> ! {
    print("fault\n");
    exit(false)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Omits the message: formatting text takes more flash than the network's code.
    print("panic");
    if let Some(place) = info.location() {
        print(" in ");
        print(place.file());
        print(", line ");
        print_number(place.line());
    }
    print("\n");
    exit(false)
}

/// Asks the debugger for a service.
fn semihosting(operation: u32, argument: usize) {
    // SAFETY: the debugger reads what the argument points to, as each caller says, and writes to
    // r0 at most.
    unsafe {
        asm!("bkpt #0xab", inout("r0") operation => _, in("r1") argument, options(nostack));
    }
}

/// Ends the program.
fn exit(success: bool) -> ! {
    // SYS_EXIT with ADP_Stopped_ApplicationExit, or with ADP_Stopped_RunTimeErrorUnknown.
    semihosting(0x18, if success { 0x20026 } else { 0x20023 });
    loop {}
}

/// Prints a text.
pub fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Prints the bytes of a text.
#[inline(never)]
pub fn print_bytes(text: &[u8]) {
    for byte in text {
        // SYS_WRITEC, with the address of a character.
        semihosting(0x03, ptr::from_ref(byte).addr());
    }
}

/// Prints the bits of a number in hexadecimal digits.
pub fn print_bits(bits: u32) {
    for shift in (0..8).rev() {
        print_bytes(&[b"0123456789abcdef"[(bits >> (4 * shift) & 0xf) as usize]]);
    }
}

/// Prints a number in decimal digits.
pub fn print_number(number: u32) {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] += (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    print(core::str::from_utf8(&digits[first..]).unwrap_or("?"));
}

/// The timer of the processor, which counts down from the 24-bit number in `RELOAD`.
const SYST_CONTROL: *mut u32 = ptr::without_provenance_mut(0xe000_e010);
const SYST_RELOAD: *mut u32 = ptr::without_provenance_mut(0xe000_e014);
const SYST_CURRENT: *mut u32 = ptr::without_provenance_mut(0xe000_e018);

/// The number of instructions for each tick of the timer: 25 MHz, and a nanosecond for each.
const INSTRUCTIONS: u32 = 40;

/// Counts the instructions of `f`, which are fewer than 670 million.
pub fn count_instructions<R>(f: impl FnOnce() -> R) -> (R, u32) {
    const LARGEST: u32 = 0xff_ffff;
    // SAFETY: the registers of a timer that nothing else uses.
    unsafe {
        SYST_RELOAD.write_volatile(LARGEST);
        SYST_CURRENT.write_volatile(0);
        SYST_CONTROL.write_volatile(0b101);
    }
    let result = f();
    // SAFETY: as above.
    let current = unsafe { SYST_CURRENT.read_volatile() };
    (result, (LARGEST - current) * INSTRUCTIONS)
}

/// Prints the number of instructions, and the bytes of flash and RAM that the program takes.
pub fn print_figures(weights: usize, instructions: u32) {
    let stack_end = &raw const bss_end;
    let variables = stack_end.addr() - (&raw const data_start).addr();
    let words = ((&raw const stack_top).addr() - stack_end.addr()) / size_of::<u32>();

    // SAFETY: the stack's memory, which `reset` has filled; only volatile reads look at it.
    let is_unused = |word: &*const u32| unsafe { word.read_volatile() } == UNUSED;
    let unused = (0..words)
        .map(|i| stack_end.wrapping_add(i))
        .take_while(is_unused)
        .count();

    print("instructions: ");
    print_number(instructions);
    print("\nflash: ");
    print_number((&raw const flash_end).addr() as u32);
    print(" bytes, ");
    print_number(weights as u32);
    print(" of weights\nRAM: ");
    print_number(variables as u32);
    print(" bytes of variables, ");
    print_number(4 * (words - unused) as u32);
    print(" of stack\n");
}
