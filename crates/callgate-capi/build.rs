//! Gives the shared library the name programs ask the loader for.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libseccomp.so.2");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
}
