pub(crate) mod constant;
pub(crate) mod errno;
pub(crate) mod group;
pub(crate) mod syscall;
