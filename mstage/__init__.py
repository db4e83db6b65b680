"""mstage: the stages of training, found, measured and set beside what theory predicts."""
