#![no_main]

ncsn_fuzz::target!(LABELS);
