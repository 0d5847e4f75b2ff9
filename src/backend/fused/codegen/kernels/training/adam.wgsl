// One step of Adam (Kingma & Ba 2015) with the gradient clipped by its norm, and of the moving
// average of the weights. Adds the loss to the report, and writes the squares of the weights there.
//
// An invocation takes every GROUP-th of the SHARE weights of its workgroup.

@compute @workgroup_size(GROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
    var square = 0.0;
    for (var k = lane; k < GROUPS; k += GROUP) { square += squares[k]; }
    let norm = sqrt(workgroup_sum(square, lane));
    let clip = min(training.most / (norm + 1e-6), 1.0);

    let end = min(group.x * SHARE + SHARE, COUNT);
    square = 0.0;
    for (var i = group.x * SHARE + lane; i < end; i += GROUP) {
        let gradient = gradients[i] * clip;
        // The mean gradient and the mean square, which Adam calls its first and second moment.
        let moment = mix(vec2f(gradient, gradient * gradient), moments[i], training.betas);
        moments[i] = moment;
        let change = moment.x * training.correction / (sqrt(moment.y) + training.epsilon);
        let weight = weights[i] - training.learning_rate * change;
        weights[i] = weight;
        average[i] = training.decay * average[i] + (1.0 - training.decay) * weight;
        square += weight * weight;
    }
    let total = workgroup_sum(square, lane);
    if lane == 0u {
        report[2u + group.x] = total;
        if group.x == 0u {
            var loss = 0.0;
            for (var n = 0u; n < training.batch; n++) { loss += losses[n]; }
            report[0] += loss;
        }
    }
}
