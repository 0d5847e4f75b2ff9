
    // The end of each convolution's `main`: `sumPxS` are the sums at pixel x + P in SPAN
    // neighboring columns, from `(lane + S * LANES) * SPAN` on, which are written at once.
$if HEAD
$for s in SPANS
$for p in PIXELS
$for r in SPAN
    write_score(n, y, x + $p, (lane + $s * LANES) * SPAN + $r, sum$px$s$if QUADS [$r] $end);
$end
$end
$end
$else
$for s in SPANS
    {
        // Where the output goes: the columns of an unfolding convolution are FOLD × FOLD pixels.
        let column = (lane + $s * LANES) * SPAN;
        let part = column / CHANNELS;
        let channel = column % CHANNELS;
        let line = (n * HEIGHT + y) * FOLD + part / FOLD;
        let at = (((line * WIDTH + x) * FOLD + part % FOLD) * CHANNELS + channel) / SPAN;
$for p in PIXELS
        let total$p = sum$px$s
$for r in RESIDUALS
            + $if RESIZED_$r resized$r(n, y, x + $p, channel) $else Written(residual$r[at + $p * FOLD * CHANNELS / SPAN]) $end
$end
        ;
$if KEEPS_SUM
        kept_sum[at + $p * FOLD * CHANNELS / SPAN] = total$p;
$end
        let value$p = activated(total$p)$if DERIVATIVE  * derivative(argument[at + $p * FOLD * CHANNELS / SPAN])$end;
        to[at + $p * FOLD * CHANNELS / SPAN] = $if QUADS convert4(value$p) $else convert(value$p) $end;
$end
$if STATISTICS
        // Mean and squared deviations of this tile, for the normalization that follows.
        var mean = Written(0.0);
        var spread = Written(0.0);
$for p in PIXELS
        mean += value$p;
$end
        mean *= 1.0 / f32(PIXELS);
$for p in PIXELS
        spread += (value$p - mean) * (value$p - mean);
$end
        let entry = ((n * TILES + tile) * FOLD * FOLD + part) * CHANNELS + channel;
$if QUADS
        statistics[entry / 2] = vec4f(mean.x, spread.x, mean.y, spread.y);
        statistics[entry / 2 + 1] = vec4f(mean.z, spread.z, mean.w, spread.w);
$else
        statistics[entry] = vec2f(mean, spread);
$end
$end
    }
$end
$end
}
