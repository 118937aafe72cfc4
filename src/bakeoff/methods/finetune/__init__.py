"""Fine-tuning: load a pre-trained model, add a task-specific layer, train on the data set, evaluate and go on."""
