//! The `todo` binary: everything is in the library.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // The allocator asks for huge pages, of which a buffer that is hardly written to takes all: an idle connection would
    // cost 37 KiB of memory instead of 21. It is a wish, and where it cannot be had the program works all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    todo::app::main()
}
