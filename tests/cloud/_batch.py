import sys, collections, multiprocessing as mp, logging
from tests.cloud.model import run_world
def one(a):
    logging.disable(logging.CRITICAL)
    try: return a[1], run_world(*a)
    except BaseException as e:
        import traceback; return a[1], {'error': traceback.format_exc()[-600:]}
if __name__=='__main__':
    n,a,b=map(int,sys.argv[1:4]); t=collections.Counter(); c=collections.Counter()
    with mp.Pool(2) as p:
        for seed,r in p.imap_unordered(one,[(n,s) for s in range(a,b)]):
            if 'error' in r: print(seed,r['error'],flush=True); t['errors']+=1; continue
            for k,v in r.items():
                if isinstance(v,int): t[k]+=v
            c.update(r['counts'])
            if r['lost'] or r['twice'] or r['wrong'] or r['unsent']: print('BAD',seed,{k:v for k,v in r.items() if k!='counts'},flush=True)
    print(dict(t),dict(c))
