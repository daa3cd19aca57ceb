// An element that the address names is opened, now that all is there.
const asked = elements.findIndex((element) => `#${element.id}` === location.hash);
if (asked >= 0) open(asked, 0);
