//! The built page in headless Chrome, as a visitor uses it. What can go wrong is in `failures.rs`.

mod classes;
#[path = "../common/mod.rs"]
mod common;
mod drawing;
mod engines;
mod few_steps;
mod layout;
mod models;
mod sampling;
mod saving;
mod settings;
mod timeline;
