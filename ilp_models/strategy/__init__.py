"""Strategic assessment: what planners and policy makers weigh, months ahead."""
