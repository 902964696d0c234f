pub(crate) mod constant;
pub(crate) mod errno;
pub(crate) mod syscall;
