// What the page says, in three languages. The browser's own is taken where it is one of them.
const WORDS = {
  en: {
    language: 'English', drawn: 'Drawn on your own device. Nothing leaves it.', large: 'The large face',
    roll: 'New face', undo: 'Undo', redo: 'Redo', keep: 'Keep', save: 'Save', link: 'Copy link', theme: 'Light or dark',
    tools: 'What to do with the large face', lately: 'Lately', tongue: 'Language', waking: 'Waking up …', size: '{0} × {1} px',
    wall: 'Wall', pick: 'Choose', shape: 'Shape', blend: 'Blend', gallery: 'Gallery', about: 'About', parts: 'Ways to find a face',
    wallSays: 'Nobody has drawn these before. Touch one to make it large.', more: 'Other faces', near: 'Like the large one',
    far: 'Anything', variety: 'How different from the large face', face: 'Face {0} of {1}',
    pickSays: 'Choose the one you like best. Each round comes nearer to it.', round: 'Round {0}', back: 'One round back',
    anew: 'Begin anew', chosen: 'Your choice so far',
    shapeSays: 'Change one thing. Close a lock, and it stays as it is while the rest is rolled.',
    rollRest: 'Roll the rest', unlock: 'Open all locks', lock: 'Lock {0}', found: 'Found without names', raw: 'All coordinates',
    rawSays: 'The {0} numbers that this face is made of.', coordinate: 'Coordinate {0}', part: 'Part {0}: {1} to {2}', of: '{0} colour',
    noNames: 'This generator came without named directions. Its coordinates and their parts can be changed and locked.',
    twoSays: 'From one face to another.', first: 'From', second: 'To', put: 'Put the large face here', between: 'On the way',
    film: 'Film', seconds: '{0} seconds', path: 'Way', ab: 'from the one to the other', through: 'through my gallery',
    loop: 'and back again', play: 'Play', stop: 'Stop', webm: 'Save film', gif: 'Save GIF', making: 'Drawing the film …',
    recording: 'Recording …', noFilm: 'This browser records no film. A GIF works everywhere.',
    mix: 'Mix four', mixSays: 'Four faces in the corners, and everything between them.',
    cornerHere: 'Put the large face into corner', otherFour: 'Four others', mixed: 'Mixture, row {0}, column {1}',
    kept: 'Kept in this browser', none: 'Nothing yet. Keep a face you like, and it waits for you here.', name: 'Name',
    remove: 'Remove {0}', exportFile: 'Save as a file', importFile: 'Open a file', favourites: 'Favourites of its maker',
    fileSays: 'The file is a favourites.json of eshi: beside a run, every name in it can be drawn, walked and mixed.',
    madeBy: 'How it was made', pixels: 'Pictures', scores: 'Scores', credits: 'Whose pictures it learned from',
    recipe: 'Recipe', keys: 'Keys', keysSay: 'R new face · Z undo · Y redo · K keep · S save · L copy link · 1 to 6 the tabs · arrows within a wall',
    noCredits: 'It is not known here where the pictures came from.',
    creditsSay: '{0} faces from {1} pictures. They belong to those who drew them.', unknown: 'artist not known',
    noScores: 'Nobody has judged it.', bits: 'weights of {0} bits, checked against the original',
    saidKept: 'Kept in the gallery.', saidGone: 'Removed.', saidLink: 'Link copied. It opens this very face.',
    saidLinkHere: 'The link is in the address bar.', saidSaved: 'Saved {0}.', badLink: 'This link does not fit this page. Here is another face.',
    badFile: 'This file holds no faces for this page.', fileRead: '{0} faces came in.', full: 'This browser keeps nothing for this page. Save the gallery as a file.',
    broken: 'This browser cannot draw here: {0}', hair: 'Hair', eyes: 'Eyes', skin: 'Skin', smile: 'Smile', background: 'Background',
    light: 'Light', across: 'Left or right', down: 'Up or down',
  },
  ja: {
    language: '日本語', drawn: 'すべてあなたの端末で描いています。外へは何も送りません。', large: '大きな顔',
    roll: '新しい顔', undo: '元に戻す', redo: 'やり直す', keep: '残す', save: '保存', link: 'リンクをコピー', theme: '明るさの切り替え',
    tools: '大きな顔の操作', lately: 'これまでの顔', tongue: '言語', waking: '準備中…', size: '{0} × {1} px',
    wall: '一覧', pick: '選ぶ', shape: '整える', blend: '混ぜる', gallery: 'ギャラリー', about: '詳細', parts: '顔の見つけ方',
    wallSays: 'まだ誰も描いたことのない顔です。触れると大きくなります。', more: 'ほかの顔', near: '大きな顔に似る',
    far: '自由', variety: '大きな顔との違い', face: '{1}人中{0}人目の顔',
    pickSays: 'いちばん好きな顔を選んでください。選ぶたびに好みに近づきます。', round: '{0}回目', back: '一つ前へ',
    anew: '最初から', chosen: 'いま選んでいる顔',
    shapeSays: '一つずつ変えられます。鍵をかけたところは、ほかを引き直しても変わりません。',
    rollRest: '残りを引き直す', unlock: '鍵をすべて開ける', lock: '{0}に鍵をかける', found: '名前のない方向', raw: 'すべての座標',
    rawSays: 'この顔をつくる{0}個の数です。', coordinate: '座標 {0}', part: '部分{0}:{1}〜{2}', of: '{0}の色',
    noNames: 'この生成器には名前のついた方向がありません。座標とその部分を変えたり固定したりできます。',
    twoSays: 'ある顔から別の顔へ。', first: 'はじめ', second: 'おわり', put: '大きな顔をここに置く', between: '途中',
    film: '動画', seconds: '{0}秒', path: '道すじ', ab: 'はじめからおわりへ', through: 'ギャラリーをめぐる',
    loop: '往復する', play: '再生', stop: '止める', webm: '動画を保存', gif: 'GIFを保存', making: '動画を描いています…',
    recording: '録画中…', noFilm: 'このブラウザは録画できません。GIFはどこでも使えます。',
    mix: '四人を混ぜる', mixSays: '四隅に四つの顔、そのあいだにすべての中間の顔。',
    cornerHere: '大きな顔を隅に置く', otherFour: '別の四人', mixed: '混ざった顔 {0}行{1}列',
    kept: 'このブラウザに残した顔', none: 'まだありません。気に入った顔を残すと、ここで待っています。', name: '名前',
    remove: '{0}を消す', exportFile: 'ファイルに保存', importFile: 'ファイルを開く', favourites: '作者のお気に入り',
    fileSays: 'ファイルは eshi の favourites.json です。学習結果の隣に置けば、名前で描いたり混ぜたりできます。',
    madeBy: 'つくりかた', pixels: '絵の大きさ', scores: '評価', credits: '学習した絵の作者', recipe: 'レシピ', keys: 'キー操作',
    keysSay: 'R 新しい顔 · Z 元に戻す · Y やり直す · K 残す · S 保存 · L リンク · 1〜6 タブ · 矢印キーで一覧の中を移動',
    noCredits: '学習した絵の出どころは、ここではわかりません。',
    creditsSay: '{1}枚の絵から{0}の顔。絵は描いた人のものです。', unknown: '作者不明',
    noScores: '評価はまだありません。', bits: '重みは{0}ビット、元と照合済み',
    saidKept: 'ギャラリーに残しました。', saidGone: '消しました。', saidLink: 'リンクをコピーしました。開くと同じ顔になります。',
    saidLinkHere: 'リンクはアドレス欄にあります。', saidSaved: '{0} を保存しました。', badLink: 'このリンクはこのページには合いません。別の顔をどうぞ。',
    badFile: 'このページで使える顔がファイルにありません。', fileRead: '{0}人の顔を読み込みました。', full: 'このブラウザには残せません。ファイルに保存してください。',
    broken: 'このブラウザでは描けません:{0}', hair: '髪', eyes: '目', skin: '肌', smile: '笑顔', background: '背景',
    light: '明るさ', across: '左右', down: '上下',
  },
  zh: {
    language: '中文', drawn: '一切都在你的设备上绘制,不会向外发送任何内容。', large: '大图',
    roll: '新面孔', undo: '撤销', redo: '重做', keep: '收藏', save: '保存', link: '复制链接', theme: '浅色或深色',
    tools: '对大图的操作', lately: '最近的面孔', tongue: '语言', waking: '正在准备……', size: '{0} × {1} 像素',
    wall: '画墙', pick: '挑选', shape: '调整', blend: '融合', gallery: '画廊', about: '关于', parts: '寻找面孔的方式',
    wallSays: '这些面孔此前从未有人画过。点一张就会放大。', more: '换一批', near: '接近大图',
    far: '随意', variety: '与大图的差别', face: '第{0}张,共{1}张',
    pickSays: '选出你最喜欢的一张。每一轮都会更接近它。', round: '第{0}轮', back: '退回一轮',
    anew: '重新开始', chosen: '目前的选择',
    shapeSays: '一次改变一处。上锁的部分在重抽其余部分时保持不变。',
    rollRest: '重抽其余部分', unlock: '打开所有锁', lock: '锁定{0}', found: '未命名的方向', raw: '全部坐标',
    rawSays: '这张面孔由 {0} 个数组成。', coordinate: '坐标 {0}', part: '部分{0}:{1} 至 {2}', of: '{0}颜色',
    noNames: '这个生成器没有命名的方向。可以改变和锁定它的坐标及各部分。',
    twoSays: '从一张面孔到另一张。', first: '起点', second: '终点', put: '把大图放在这里', between: '途中',
    film: '影片', seconds: '{0} 秒', path: '路线', ab: '从起点到终点', through: '穿过我的画廊',
    loop: '再返回', play: '播放', stop: '停止', webm: '保存影片', gif: '保存 GIF', making: '正在绘制影片……',
    recording: '正在录制……', noFilm: '此浏览器不能录制影片。GIF 处处可用。',
    mix: '混合四张', mixSays: '四角是四张面孔,中间是它们之间的一切。',
    cornerHere: '把大图放进一角', otherFour: '换四张', mixed: '混合,第{0}行第{1}列',
    kept: '保存在此浏览器中', none: '还没有。收藏喜欢的面孔,它会在这里等你。', name: '名字',
    remove: '移除{0}', exportFile: '存为文件', importFile: '打开文件', favourites: '作者的最爱',
    fileSays: '该文件就是 eshi 的 favourites.json:放在训练结果旁,其中每个名字都可以绘制、行走和混合。',
    madeBy: '如何制成', pixels: '图像', scores: '评分', credits: '它学习了谁的画', recipe: '配方', keys: '按键',
    keysSay: 'R 新面孔 · Z 撤销 · Y 重做 · K 收藏 · S 保存 · L 复制链接 · 1 至 6 切换标签 · 方向键在画墙中移动',
    noCredits: '此处不知道图画的来源。',
    creditsSay: '来自 {1} 幅图画的 {0} 张面孔。它们属于绘制者。', unknown: '作者未知',
    noScores: '尚未评分。', bits: '{0} 位权重,已与原件核对',
    saidKept: '已放入画廊。', saidGone: '已移除。', saidLink: '链接已复制,打开就是这张面孔。',
    saidLinkHere: '链接在地址栏中。', saidSaved: '已保存 {0}。', badLink: '此链接不适合本页面。这里是另一张面孔。',
    badFile: '文件中没有适合本页面的面孔。', fileRead: '读入了 {0} 张面孔。', full: '此浏览器无法保存。请把画廊存为文件。',
    broken: '此浏览器无法在这里绘制:{0}', hair: '头发', eyes: '眼睛', skin: '肤色', smile: '微笑', background: '背景',
    light: '光线', across: '左右', down: '上下',
  },
};

const Tongue = (() => {
  const wanted = [Store.read('tongue'), ...navigator.languages].map(code => String(code).slice(0, 2));
  const code = wanted.find(code => code in WORDS) || 'en';
  return { code, words: WORDS[code] };
})();

// say('round', 3) -> Round 3. A word that is none of ours stands for itself: the maker's own names.
const say = (key, ...facts) => (Object.hasOwn(Tongue.words, key) ? Tongue.words[key] : key).replace(/\{(\d)\}/g, (_, i) => facts[i]);

// Elements of page.html name what they say: data-say is their text, data-label what a screen reader calls them.
function speak(root) {
  for (const one of root.querySelectorAll('[data-say]')) one.textContent = say(one.dataset.say);
  for (const one of root.querySelectorAll('[data-label]')) {
    one.setAttribute('aria-label', say(one.dataset.label));
    if (one.matches('button')) one.title = say(one.dataset.label);
  }
}
