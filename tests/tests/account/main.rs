//! The account's edge against an emulator, through a role: every kind of thing is made, seen, changed and
//! removed, within rights and quotas.

mod drift;
mod fixture;
mod found;
mod life;
mod notices;
mod quotas;
mod races;
mod rights;
