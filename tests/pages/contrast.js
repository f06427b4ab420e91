// Texts that differ too little from what is behind them (WCAG 2.2, 1.4.3): less than 4.5 : 1, for large ones 3 : 1.
() => {
  const parts = (colour) => {
    const numbers = colour.match(/[\d.]+/g).map(Number);
    return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let it = element; it; it = it.parentElement) {
      const found = parts(getComputedStyle(it).backgroundColor);
      if (found.alpha === 1) return found.rgb;
      if (found.alpha > 0) throw new Error(`half transparent: ${it.outerHTML.slice(0, 80)}`);
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const wrong = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const isField = element.matches("input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select");
    if (!own && !isField) continue;
    if (!element.checkVisibility() || element.closest(".skip, .hidden")) continue;
    const style = getComputedStyle(element);
    const [brighter, darker] = [light(parts(style.color).rgb), light(ground(element))].sort((a, b) => b - a);
    const ratio = (brighter + 0.05) / (darker + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) wrong.push(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 100)}`);
  }
  return wrong;
}
