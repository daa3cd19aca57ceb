// All is there.
document.documentElement.dataset.ready = "true";
