// Lets the pictures of each pair be compared.
for (const place of document.querySelectorAll(".compare")) {
  const pictures = place.parentElement.querySelectorAll(".row img, .row image");
  if (pictures.length === 2) globalThis.attachCompare(place, pictures);
}
