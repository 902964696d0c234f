pub(crate) mod audit;
pub(crate) mod constant;
pub(crate) mod errno;
pub(crate) mod multiplex;
pub(crate) mod number;
pub(crate) mod syscall;
