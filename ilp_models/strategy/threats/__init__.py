"""Strategic threat assessment: crime types by volume, harm, trend and judgement, with the doubt about their ranking."""
