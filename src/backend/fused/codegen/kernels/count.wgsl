// Counts the submissions of steps that were computed to their end: a driver may report work as done
// that it has given up.

@compute @workgroup_size(1)
fn main() {
    report[1] += 1.0;
}
