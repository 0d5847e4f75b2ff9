
    // The end of `main` of each convolution: `sumPxS` is the sum at pixel x + p in column
    // `lane * SPAN + COLUMN_S`.
$if HEAD
$for s in COLUMNS
$for p in PIXELS
    finish(n, y, x + $p, lane * SPAN + COLUMN_$s, sum$px$s);
$end
$end
$else
$for s in COLUMNS
    {
        // Where the output goes: the columns of an unfolding convolution are FOLD × FOLD pixels.
        let column = lane * SPAN + COLUMN_$s;
        let part = column / CHANNELS;
        let channel = column % CHANNELS;
        let line = (n * HEIGHT + y) * FOLD + part / FOLD;
        let at = ((line * WIDTH + x) * FOLD + part % FOLD) * CHANNELS + channel;
$for p in PIXELS
        let value$p = activated(
            sum$px$s
$for r in RESIDUALS
            + $if RESIZED_$r resized$r(n, y, x + $p, channel) $else f32(residual$r[at + $p * FOLD * CHANNELS]) $end
$end
        );
        to[at + $p * FOLD * CHANNELS] = stored(value$p);
$end
$if STATISTICS
        // Mean and squared deviations of this tile, for the normalisation that follows.
        var mean = 0.0;
        var spread = 0.0;
$for p in PIXELS
        mean += value$p;
$end
        mean *= 1.0 / f32(PIXELS);
$for p in PIXELS
        spread += (value$p - mean) * (value$p - mean);
$end
        let entry = (n * TILES + tile) * FOLD * FOLD + part;
        statistics[entry * CHANNELS + channel] = vec2f(mean, spread);
$end
    }
$end
$end
}
