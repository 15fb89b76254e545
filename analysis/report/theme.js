// Before anything is drawn: light or dark, as the reader's system has it. Without scripts, and on paper, it is light.
document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
