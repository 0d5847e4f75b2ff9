// Stable targets (Xu, Tong & Jaakkola 2023), first of three kernels: the logarithm of the
// probability of each training image given a noisy one, −‖x̃ − x‖²/2σ², up to what is the same for
// all: −‖x̃‖²/2σ², which is about minus half the number of pixels, so in f32 the differences that
// count would be lost beside it. One invocation takes one training image and NOISY noisy ones;
// training images after ORIGINALS are the same mirrored.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= REFERENCES { return; }
    let original = id.x % ORIGINALS;
    var largest = 0.0;
$for j in NOISY
    // Beyond the part's last image, that one again.
    let n$j = min(id.z * NOISY + $j, training.images - 1u);
    let example$j = examples[training.example + n$j];
    largest = max(largest, example$j.sigma);
    var sum$j = 0.0;
$end
    if largest < FROM { return; }
$if CLASSES
    // A network that is told a class learns the mean over its images. (NOISY is 1.)
    if example0.class_row < CLASSES && labels[original] != example0.class_row {
        logits[n0 * REFERENCES + id.x] = -1.0e30;
        return;
    }
$end
    for (var i = 0u; i < DIMENSION; i += BYTES) {
$if WORDS
        let word = data[(original * DIMENSION + i) / 4u];
$end
$for k in BYTES
        {
$if WORDS
            let pixel = pixel_of_byte((word >> ($k * 8u)) & 255u, 0.5);
$else
            let pixel = data_pixel(original * DIMENSION + i, 0.5);
$end
            var at = i + $k;
$if MIRRORED
            // A mirrored image is as far away as the image itself from the mirrored noisy one.
            if id.x >= ORIGINALS { at = mirrored(at); }
$end
$for j in NOISY
            sum$j += pixel * (image[n$j * DIMENSION + at] - 0.5 * pixel);
$end
        }
$end
    }
$for j in NOISY
    logits[n$j * REFERENCES + id.x] = sum$j / (example$j.sigma * example$j.sigma);
$end
}
