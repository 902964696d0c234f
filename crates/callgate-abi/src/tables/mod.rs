pub(crate) mod constant;
pub(crate) mod errno;
pub(crate) mod essential;
pub(crate) mod group;
pub(crate) mod risk;
pub(crate) mod syscall;
pub(crate) mod twin;
