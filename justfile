# The commands of every day; `just` lists them.

_default:
    @just --list

# Everything that must hold
test:
    ./test

# The notebook's network on the built-in digits
train *ARGS:
    cargo run --release -- train {{ ARGS }}

# The lecture's session, cell by cell
notebook *DIR:
    cargo run --release --example notebook {{ DIR }}

# The documentation, in a browser
doc:
    cargo doc --workspace --no-deps --open
